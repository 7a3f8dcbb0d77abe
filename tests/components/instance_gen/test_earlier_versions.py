"""Pairs and masks are those of earlier versions, so that no upgrade changes published bytes."""

import dataclasses
import hashlib
from collections.abc import Callable

import numpy as np
import pytest

from components.instance_gen.masking import MaskedBatch, mask_batch
from components.instance_gen.pairing.assemble import UnmaskedBatch
from components.instance_gen.pairing.contiguous import cut_contiguous
from components.instance_gen.pairing.full_sentences import pack_sentences
from components.instance_gen.pairing.segment_pairs import pair_in_order, pair_next_sentences
from components.instance_gen.pairing.token_ranges import TokenRanges, Walk
from components.instance_gen.tokenizing.documents import TokenizedDocuments
from core.draw import draw
from tests.components.instance_gen.pairing.test_segment_pairs import corpus_of
from trainer.settings.masking import MaskingSettings

Counts = dict[str, int]
SEP = 9_999


def digest(numbers: TokenRanges | MaskedBatch) -> str:
    """Digest arrays with their types and shapes."""
    arrays = [getattr(numbers, field.name) for field in dataclasses.fields(numbers)]
    texts = [f"{a.dtype} {a.shape} {a.tolist()}" for a in arrays]
    return hashlib.sha256("\n".join(texts).encode()).hexdigest()[:16]


def real_shape() -> TokenizedDocuments:
    """Return 41 documents of 1 to 30 sentences of 1 to 60 tokens; two have equal content."""
    rng = draw(5, "shape")
    documents = [rng.integers(1, 60, rng.integers(1, 30)).tolist() for _ in range(40)]
    names = [b"%03d" % n for n in range(40)]
    return corpus_of([[7], documents[0], *documents], [b"!", names[0], *names])


def walk() -> Walk:
    return Walk(48, 0.2, 2, draw(3, "walk"))


@pytest.mark.parametrize(
    ("pair", "expected", "counts"),
    [
        (lambda corpus: pair_next_sentences(corpus, (0, 30), walk()), "1dfb33a797d82014",
         {"no_pair": 2, "unpaired_tails": 24, "balancing_instances": 1, "truncated_tokens": 13120}),
        (lambda corpus: pair_in_order(corpus, walk()), "bb742a6a248db5d4",
         {"no_pair": 4, "unpaired_tails": 0, "balancing_instances": 1, "truncated_tokens": 12901}),
        (lambda corpus: (cut_contiguous(corpus, walk(), 0.3), {}), "f112f1bd20942174", {}),
        (lambda corpus: (pack_sentences(corpus, walk(), SEP)[1], {}), "23f3f534c99b5ed0", {}),
    ],
    ids=["next sentence", "order", "contiguous", "full"],
)  # fmt: skip
def test_pairs_are_those_of_earlier_versions(
    pair: Callable[[TokenizedDocuments], tuple[TokenRanges, Counts]], expected: str, counts: Counts
) -> None:
    ranges, left_out = pair(real_shape())
    assert left_out == counts
    assert digest(ranges) == expected


def words_batch() -> UnmaskedBatch:
    """Return 20 inputs of up to 30 tokens; every third token continues a word."""
    lengths = np.arange(11, 31)
    column = np.arange(30)[None, :]
    inside = (column > 0) & (column < lengths[:, None] - 1)
    return UnmaskedBatch(
        input_ids=np.where(inside, column + 100, 1).astype(np.int32),
        input_mask=column < lengths[:, None],
        segment_ids=np.zeros((20, 30), bool),
        word_starts=~inside | (column % 3 != 0),
        maskable=inside,
        lengths=lengths,
        label=np.zeros(20, np.int64),
    )


@pytest.mark.parametrize(
    ("unit", "decide", "expected"),
    [
        ("token", "piece", "5af7dbc206afe03f"),
        ("word", "word", "b4d7f4641748567b"),
        ("ngram", "piece", "3b34127e4b5a0898"),
    ],
)
def test_masks_are_those_of_earlier_versions(unit: str, decide: str, expected: str) -> None:
    masked = mask_batch(
        words_batch(),
        masking=MaskingSettings.model_validate({"unit": unit, "decide": decide, "rate": 0.25}),
        max_predictions=6,
        mask_id=4,
        random_ids=np.arange(200, 300, dtype=np.int32),
        rng=draw(8, "masks"),
    )
    types = [getattr(masked, f.name).dtype for f in dataclasses.fields(masked)]
    assert types == [np.int32, np.int32, np.int32, np.float32]
    assert digest(masked) == expected
