"""Choose the text of instances, one way per objective."""

import numpy as np

from components.instance_gen.pairing.contiguous import cut_contiguous
from components.instance_gen.pairing.full_sentences import pack_sentences
from components.instance_gen.pairing.reference_pairs import pair_as_reference
from components.instance_gen.pairing.segment_pairs import pair_in_order, pair_next_sentences
from components.instance_gen.pairing.token_ranges import (
    PAIR_SPECIALS,
    SINGLE_SPECIALS,
    TokenRanges,
    Walk,
)
from components.instance_gen.tokenizing.documents import TokenizedDocuments
from components.instance_gen.tokenizing.ragged import Int32
from components.settings import InstanceSettings

LABELS = {  # name of the label feature, for objectives that have one
    "next_sentence": "next_sentence_labels",
    "sentence_order": "sentence_order_labels",
    "sequence_relation": "sequence_relation_labels",
}
NO_LABEL = "next_sentence_labels"  # BERT's seventh feature; all 0 if the objective has no label
LABEL_COUNTERS = {  # names of the counters of label 1 and label 0
    "next_sentence": ("random_next", "actual_next"),
    "sentence_order": ("swapped", "in_order"),
}


def draws_from_others(objective: str) -> bool:
    """Return whether the objective takes segments from other documents."""
    return objective == "next_sentence"


def count_specials(objective: str) -> int:
    """Return the number of special tokens in a full input."""
    return SINGLE_SPECIALS if objective == "none" else PAIR_SPECIALS


def make_token_ranges(
    corpus: TokenizedDocuments,
    own: tuple[int, int],
    settings: InstanceSettings,
    copies: int,
    sep_id: int,
    rng: np.random.Generator,
) -> tuple[Int32, TokenRanges, dict[str, int]]:
    """Choose the ranges of text that become instances.

    `corpus` also holds documents that only supply random segments; `own` is the first of the
    shard's own documents, and the one after the last.

    Returns:
        The text that the ranges refer to, the ranges, and counters of what was left out.
    """
    walk = Walk(settings.seq_length, settings.short_seq_fraction, copies, rng)
    if settings.pair_draws == "reference":
        return corpus.ids, *pair_as_reference(corpus, own, walk)
    if settings.objective == "next_sentence":
        return corpus.ids, *pair_next_sentences(corpus, own, walk)
    if settings.objective == "sentence_order":
        return corpus.ids, *pair_in_order(corpus, walk)
    if settings.objective == "contiguous":
        single = settings.single_segment_fraction
        return corpus.ids, cut_contiguous(corpus, walk, single), {}
    return *pack_sentences(corpus, walk, sep_id), {}
