"""The reference mode matches an independent implementation of BERT's algorithm."""

import itertools
import random
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pytest

from components.instance_gen.masking import mask_batch
from components.instance_gen.pairing.assemble import assemble, ordinary_ids
from components.instance_gen.pairing.objective import make_token_ranges
from components.instance_gen.pairing.reference_pairs import pair_as_reference
from components.instance_gen.pairing.segment_pairs import pair_next_sentences
from components.instance_gen.pairing.token_ranges import Walk
from components.instance_gen.tokenizing.chunk_tokenizer import ChunkTokenizer
from components.instance_gen.tokenizing.documents import TokenizedDocuments, read_documents
from components.settings import InstanceSettings
from core.draw import draw
from core.vocabulary.vocabulary import Vocabulary
from tests.components.instance_gen.folders import write_documents
from tests.components.instance_gen.pairing.test_segment_pairs import (
    corpus_of,
    documents_at,
    truncate_as_bert,
)
from tests.real_text import ENGLISH
from trainer.settings.masking import MaskingSettings

COPIES, SHORT, RATE = 300, 0.1, 0.15
Sentences = list[int]  # the number of tokens of each


@dataclass
class Figures:
    """Compared figures; all but the first are means over the instances."""

    instances: float
    real_tokens: float
    random_label: float
    masked_tokens: float
    first_tokens: float


@pytest.fixture(scope="module")
def english(tmp_path_factory: pytest.TempPathFactory, vocabulary: Vocabulary) -> TokenizedDocuments:
    folder = write_documents(tmp_path_factory.mktemp("english"), {"train": [ENGLISH]})
    (path,) = folder.glob("*/*.gz")
    return read_documents(str(path), ChunkTokenizer(vocabulary.tokenizer()))


def walk(documents: list[Sentences], number: int, budget: int, rng: random.Random) -> Iterator:
    """Walk a document: yield tokens of both segments, and whether the second is random."""
    own = documents[number]
    target = rng.randint(2, budget) if rng.random() < SHORT else budget
    begin = 0
    while begin < len(own):
        stop = begin + 1
        while stop < len(own) and sum(own[begin:stop]) < target:
            stop += 1
        taken = rng.randint(1, stop - begin - 1) if stop - begin > 1 else 1
        first, is_random = sum(own[begin : begin + taken]), True
        if stop - begin > 1:
            is_random = rng.random() < 0.5
        if is_random:
            yield first, random_segment(documents, number, target - first, rng), True
            begin += taken
        else:
            yield first, sum(own[begin + taken : stop]), False
            begin = stop


def random_segment(documents: list[Sentences], number: int, wanted: int, rng: random.Random) -> int:
    """Draw a run of sentences elsewhere and return its tokens."""
    for _ in range(10):
        other = rng.randrange(len(documents))
        if other != number:
            break
    place, tokens = rng.randrange(len(documents[other])), 0
    while place < len(documents[other]):
        tokens, place = tokens + documents[other][place], place + 1
        if tokens >= wanted:
            break
    return tokens


def defined(corpus: TokenizedDocuments, seq_length: int, slots: int, seed: int) -> Figures:
    """Return the figures of the algorithm as the paper describes it."""
    rng, budget = random.Random(seed), seq_length - 3  # noqa: S311 (BERT's own)
    sizes = np.diff(corpus.sentence_offsets).tolist()
    documents = [sizes[a:b] for a, b in itertools.pairwise(corpus.document_offsets.tolist())]
    pairs = [
        pair
        for _ in range(COPIES)
        for number in range(len(documents))
        for pair in walk(documents, number, budget, rng)
    ]
    fitted = [truncate_as_bert(first, second, budget) for first, second, _ in pairs]
    real = [first + second + 3 for first, second in fitted]
    labels = [is_random for _, _, is_random in pairs]
    masked = [min(slots, max(1, round(tokens * RATE))) for tokens in real]
    firsts = [first for first, _ in fitted]
    return Figures(len(pairs), *map(float, map(np.mean, (real, labels, masked, firsts))))


def ours(
    corpus: TokenizedDocuments, vocabulary: Vocabulary, length: int, slots: int, seed: int
) -> Figures:
    """Return the figures of the reference mode, including masks."""
    ranges, _ = pair_as_reference(
        corpus, (0, len(corpus.document_ids)), Walk(length, SHORT, COPIES, draw(seed, "pairs"))
    )
    batch = assemble(corpus.ids, ranges, length, vocabulary)
    masked = mask_batch(
        batch,
        masking=MaskingSettings(rate=RATE),
        max_predictions=slots,
        mask_id=vocabulary.mask_id,
        random_ids=ordinary_ids(vocabulary),
        rng=draw(seed, "mask"),
    )
    per_instance = masked.weights.sum(axis=1)
    means = map(np.mean, (batch.lengths, batch.label, per_instance, ranges.first_length))
    return Figures(len(ranges), *map(float, means))


@pytest.mark.parametrize(("seq_length", "slots"), [(64, 10), (128, 20), (512, 77)])
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_figures_of_real_text_match_the_definition(
    english: TokenizedDocuments, vocabulary: Vocabulary, seq_length: int, slots: int, seed: int
) -> None:
    expected = defined(english, seq_length, slots, seed)
    actual = ours(english, vocabulary, seq_length, slots, seed)
    for name, value in vars(expected).items():
        assert getattr(actual, name) == pytest.approx(value, rel=0.02), name


def test_balanced_pairs_differ_from_the_reference(english: TokenizedDocuments) -> None:
    ranges, _ = pair_next_sentences(
        english, (0, len(english.document_ids)), Walk(128, SHORT, COPIES, draw(1, "pairs"))
    )
    assert 2 * ranges.label.sum() == len(ranges)
    # The figures distinguish the two.
    assert abs(len(ranges) / defined(english, 128, 20, 1).instances - 1) > 0.02


def test_a_single_sentence_is_always_labeled_random() -> None:
    corpus = corpus_of([[9], [9], [40, 40, 40]])
    ranges, _ = reference(corpus, copies=50)
    lone = documents_at(corpus, ranges.first_start) < 2
    assert lone.sum() == 100
    assert ranges.label[lone].all()
    assert (documents_at(corpus, ranges.second_start) != documents_at(corpus, ranges.first_start))[
        lone
    ].all()


def test_a_single_document_is_random_to_itself_and_counted() -> None:
    ranges, skipped = reference(corpus_of([[9] * 8]), copies=50)
    assert skipped["random_from_same_document"] == ranges.label.sum() > 0


def test_a_target_holds_for_a_whole_document() -> None:
    corpus = corpus_of([[1] * 300])
    ranges, _ = reference(corpus, copies=1, short=1.0, seed=3)
    total = ranges.first_length + ranges.second_length
    assert len(set(total[:-2].tolist())) == 1


def reference(
    corpus: TokenizedDocuments, copies: int, short: float = SHORT, seed: int = 0
) -> tuple:
    return pair_as_reference(
        corpus, (0, len(corpus.document_ids)), Walk(32, short, copies, draw(seed, "pairs"))
    )


@pytest.mark.parametrize("objective", ["sentence_order", "contiguous", "none"])
def test_only_next_sentence_has_a_reference(objective: str) -> None:
    with pytest.raises(ValueError, match=r"pair_draws=reference .* objective=next_sentence"):
        InstanceSettings(objective=objective, pair_draws="reference")


def test_the_setting_chooses_the_draws(english: TokenizedDocuments, vocabulary: Vocabulary) -> None:
    shares = {}
    for draws in ("balanced", "reference"):
        settings = InstanceSettings(pair_draws=draws)
        own = (0, len(english.document_ids))
        ranges = make_token_ranges(english, own, settings, 10, vocabulary.sep_id, draw(0, "x"))[1]
        shares[draws] = ranges.label.mean()
    assert shares["balanced"] == 0.5
    assert shares["reference"] > 0.54
