"""What each objective makes of documents, under one signature."""

from typing import Literal

import numpy as np

from components.instance_gen.corpus import Corpus
from components.instance_gen.packing import pack_sentences
from components.instance_gen.pairing import pair_next_sentences
from components.instance_gen.spans import Spans
from components.instance_gen.tokenizing import Int32
from components.settings import InstanceSettings

Objective = Literal["next_sentence", "none"]
LABELS = {"next_sentence": "next_sentence_labels"}  # objectives that have one
NO_LABEL = "next_sentence_labels"  # BERT's seventh feature, all 0 where there is nothing to tell


def has_pairs(objective: str) -> bool:
    """Whether the objective draws segments from other documents."""
    return objective == "next_sentence"


def make_spans(
    corpus: Corpus,
    own: tuple[int, int],
    settings: InstanceSettings,
    copies: int,
    sep_id: int,
    rng: np.random.Generator,
) -> tuple[Int32, Spans, dict[str, int]]:
    """Documents to instances.

    Args:
        corpus: the shard's documents, and others to draw random segments from.
        own: the first of the shard's own documents, and the one after the last.
        settings: objective, length and short sequences.
        copies: passes over the documents.
        sep_id: the id of [SEP].
        rng: all randomness.

    Returns:
        The text that the spans point into, the spans, and what was left out, by name.
    """
    length, short = settings.seq_length, settings.short_seq_fraction
    if settings.objective == "next_sentence":
        spans, skipped = pair_next_sentences(
            corpus, own, seq_length=length, short_seq_fraction=short, copies=copies, rng=rng
        )
        return corpus.ids, spans, skipped
    ids, spans = pack_sentences(
        corpus, sep_id=sep_id, seq_length=length, short_seq_fraction=short, copies=copies, rng=rng
    )
    return ids, spans, {}
