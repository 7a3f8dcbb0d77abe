"""Static masks respect budgets, words and shares, and have BERT's layout."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from components.instance_gen.choose_tokens import choose_words, draw_keys
from components.instance_gen.masking import MaskedBatch, mask_batch, word_numbers
from components.instance_gen.pairing.assemble import UnmaskedBatch, assemble, ordinary_ids
from components.instance_gen.pairing.segment_pairs import pair_next_sentences
from components.instance_gen.pairing.token_ranges import TokenRanges, Walk
from components.instance_gen.tokenizing.documents import TokenizedDocuments
from core.draw import draw
from core.vocabulary.vocabulary import Vocabulary
from trainer.settings.masking import MaskingSettings

SEQ_LENGTH = 64


@pytest.fixture(scope="module")
def batch(corpus: TokenizedDocuments, vocabulary: Vocabulary) -> UnmaskedBatch:
    ranges, _ = pair_next_sentences(
        corpus, (0, len(corpus.document_ids)), Walk(SEQ_LENGTH, 0.1, 2, draw(0, "pairs"))
    )
    return assemble(corpus.ids, ranges, SEQ_LENGTH, vocabulary)


def mask(
    batch: UnmaskedBatch, vocabulary: Vocabulary, seed: int = 0, slots: int = 10, **settings: object
) -> MaskedBatch:
    return mask_batch(
        batch,
        masking=MaskingSettings(**settings),
        max_predictions=slots,
        mask_id=vocabulary.mask_id,
        random_ids=ordinary_ids(vocabulary),
        rng=draw(seed, "mask"),
    )


def test_inputs_are_laid_out_like_berts(corpus: TokenizedDocuments, vocabulary: Vocabulary) -> None:
    numbers = [np.array([n]) for n in (10, 3, 40, 2, 1)]
    batch = assemble(corpus.ids, TokenRanges(*numbers), 10, vocabulary)
    a, b = corpus.ids[10:13].tolist(), corpus.ids[40:42].tolist()
    cls, sep, pad = vocabulary.cls_id, vocabulary.sep_id, vocabulary.pad_id
    assert batch.input_ids[0].tolist() == [cls, *a, sep, *b, sep, pad, pad]
    assert batch.segment_ids[0].tolist() == [0] * 5 + [1] * 3 + [0] * 2
    assert batch.input_mask[0].tolist() == [1] * 8 + [0] * 2
    assert batch.lengths.tolist() == [8]


def test_a_single_segment_has_one_separator(
    corpus: TokenizedDocuments, vocabulary: Vocabulary
) -> None:
    numbers = [np.array([n]) for n in (10, 3, 0, 0, 0)]
    batch = assemble(corpus.ids, TokenRanges(*numbers), 6, vocabulary)
    cls, sep, pad = vocabulary.cls_id, vocabulary.sep_id, vocabulary.pad_id
    assert batch.input_ids[0].tolist() == [cls, *corpus.ids[10:13].tolist(), sep, pad]
    assert not batch.segment_ids.any()


def test_a_segment_cut_inside_a_word_begins_a_word(
    corpus: TokenizedDocuments, vocabulary: Vocabulary
) -> None:
    inside = np.flatnonzero(vocabulary.continuation[corpus.ids])[:2]
    numbers = [inside[:1], np.array([3]), inside[1:], np.array([2]), np.array([0])]
    batch = assemble(corpus.ids, TokenRanges(*numbers), 10, vocabulary)
    assert batch.word_starts[0, [0, 1, 4, 5, 7]].all()


@pytest.mark.parametrize("unit", ["token", "word", "ngram"])
def test_positions_are_ascending_distinct_and_never_special(
    batch: UnmaskedBatch, vocabulary: Vocabulary, unit: str
) -> None:
    masked = mask(batch, vocabulary, unit=unit)
    used = masked.weights > 0
    assert (np.diff(masked.positions, axis=1) > 0)[used[:, 1:]].all()
    assert (used[:, :-1] >= used[:, 1:]).all()  # filled from the left
    rows = np.arange(len(used))[:, None]
    assert batch.maskable[rows, masked.positions][used].all()
    assert (batch.input_ids[rows, masked.positions] == masked.ids)[used].all()
    assert not masked.positions[~used].any()
    assert not masked.ids[~used].any()


@pytest.mark.parametrize("unit", ["token", "word", "ngram"])
def test_only_the_masked_slots_change(
    batch: UnmaskedBatch, vocabulary: Vocabulary, unit: str
) -> None:
    masked = mask(batch, vocabulary, unit=unit)
    restored = masked.input_ids.copy()
    row, slot = np.nonzero(masked.weights)
    restored[row, masked.positions[row, slot]] = masked.ids[row, slot]
    assert np.array_equal(restored, batch.input_ids)


def test_token_budgets_are_exact(batch: UnmaskedBatch, vocabulary: Vocabulary) -> None:
    masked = mask(batch, vocabulary, rate=0.15, slots=8)
    expected = [max(1, min(8, round(0.15 * int(n)))) for n in batch.lengths]
    assert masked.weights.sum(axis=1).tolist() == expected


def words_of(word_starts: list[bool], maskable: list[bool]) -> list[list[int]]:
    words: list[list[int]] = []
    for position, (begins, may) in enumerate(zip(word_starts, maskable, strict=True)):
        if begins:
            words.append([])
        if may:
            words[-1].append(position)
    return [word for word in words if word]


@settings(max_examples=300, deadline=None)
@given(
    st.lists(st.integers(1, 6), min_size=1, max_size=20),
    st.integers(0, 12),
    st.integers(1, 4),
    st.integers(0, 99),
)
def test_words_are_chosen_whole_until_none_fits(
    sizes: list[int], budget: int, most: int, seed: int
) -> None:
    starts = np.array([[n == 0 for size in sizes for n in range(size)]])
    maskable = np.ones_like(starts)
    maskable[0, 0] = sizes[0] > 1
    words = words_of(starts[0].tolist(), maskable[0].tolist())
    chosen = choose_words(
        maskable,
        np.cumsum(starts, axis=1) - 1,
        np.array([budget]),
        [1 / most] * most,
        draw(seed, "words"),
    )[0]
    positions = set(np.flatnonzero(chosen).tolist())
    whole = [w for w in words if positions & set(w)]
    assert {p for w in whole for p in w} == positions
    left = budget - len(positions)
    assert left >= 0
    assert all(len(w) > left for w in words if w not in whole)


@pytest.mark.parametrize("favor", ["short", "long"])
def test_runs_of_words_have_the_lengths_of_albert(favor: str) -> None:
    shares = MaskingSettings(unit="ngram", favor=favor).ngram_probabilities()
    assert shares == pytest.approx(
        [6 / 11, 3 / 11, 2 / 11] if favor == "short" else [2 / 11, 3 / 11, 6 / 11]
    )
    # With a budget of 3, a long text gets one run of 3, or starts with a shorter one.
    maskable = np.ones((40_000, 200), bool)
    word = np.tile(np.arange(200), (40_000, 1))
    chosen = choose_words(maskable, word, np.full(40_000, 3), shares, draw(2, "runs"))
    columns = np.nonzero(chosen)[1].reshape(-1, 3)
    in_one_run = (columns[:, 2] - columns[:, 0] == 2).mean()
    assert abs(in_one_run - shares[2]) < 0.03  # other runs are rarely adjacent


def test_a_run_ends_at_a_separator() -> None:
    maskable = np.array([[False, True, False, True, True, False]] * 500)
    word = np.tile(np.arange(6), (500, 1))
    chosen = choose_words(maskable, word, np.full(500, 2), [0.0, 0.0, 1.0], draw(0, "runs"))
    assert (chosen.sum(axis=1) == 2).all()
    assert not chosen[:, [0, 2, 5]].any()


def test_pieces_of_a_word_share_a_replacement_if_configured(
    batch: UnmaskedBatch, vocabulary: Vocabulary
) -> None:
    word = word_numbers(batch)
    for decide, all_alike in (("word", True), ("piece", False)):
        masked = mask(batch, vocabulary, unit="word", decide=decide, random_share=0.0)
        row, slot = np.nonzero(masked.weights)
        position = masked.positions[row, slot]
        is_mask = masked.input_ids[row, position] == vocabulary.mask_id
        fates: dict[tuple[int, int], set[bool]] = {}
        for key, fate in zip(
            zip(row.tolist(), word[row, position].tolist(), strict=True), is_mask, strict=True
        ):
            fates.setdefault(key, set()).add(bool(fate))
        assert all(len(fate) == 1 for fate in fates.values()) == all_alike


def test_electras_shares_give_no_random_token(batch: UnmaskedBatch, vocabulary: Vocabulary) -> None:
    masked = mask(batch, vocabulary, mask_share=0.85, random_share=0.0)
    row, slot = np.nonzero(masked.weights)
    new = masked.input_ids[row, masked.positions[row, slot]]
    assert ((new == vocabulary.mask_id) | (new == masked.ids[row, slot])).all()


def test_shares_of_more_than_one_are_refused() -> None:
    with pytest.raises(ValueError, match="add up to more than 1"):
        MaskingSettings(mask_share=0.9, random_share=0.2)


@pytest.mark.parametrize("unit", ["word", "ngram"])
def test_words_of_real_text_fill_the_budget(
    batch: UnmaskedBatch, vocabulary: Vocabulary, unit: str
) -> None:
    masked = mask(batch, vocabulary, unit=unit)
    expected = np.array([max(1, min(10, round(0.15 * int(n)))) for n in batch.lengths])
    assert (masked.weights.sum(axis=1) == expected).mean() > 0.99


def test_shares_hold_over_a_million_tokens(batch: UnmaskedBatch, vocabulary: Vocabulary) -> None:
    old, new = [], []
    while sum(map(len, old)) < 1_000_000:
        masked = mask(batch, vocabulary, seed=len(old), rate=0.5, slots=32)
        row, slot = np.nonzero(masked.weights)
        old.append(masked.ids[row, slot])
        new.append(masked.input_ids[row, masked.positions[row, slot]])
    before, after = np.concatenate(old), np.concatenate(new)
    is_mask, is_kept = after == vocabulary.mask_id, after == before
    assert abs(is_mask.mean() - 0.8) < 0.005
    assert abs(is_kept.mean() - 0.1) < 0.005
    drawn = after[~is_mask & ~is_kept]
    assert not set(drawn.tolist()) & set(vocabulary.special_ids)
    assert len(set(drawn.tolist())) > 0.99 * (vocabulary.size - len(vocabulary.special_ids))


def test_every_token_has_the_same_chance(batch: UnmaskedBatch, vocabulary: Vocabulary) -> None:
    one = UnmaskedBatch(*(np.repeat(getattr(batch, n)[:1], 20_000, axis=0) for n in batch.__dict__))
    masked = mask(one, vocabulary)
    share = np.bincount(masked.positions[masked.weights > 0], minlength=SEQ_LENGTH) / 20_000
    expected = masked.weights[0].sum() / one.maskable[0].sum()
    assert np.abs(share[one.maskable[0]] - expected).max() < 5 * np.sqrt(expected / 20_000)


def test_an_input_with_nothing_to_mask_is_unchanged(vocabulary: Vocabulary) -> None:
    ids = np.full(4, vocabulary.unk_id, np.int32)
    numbers = [np.array([n]) for n in (0, 2, 2, 2, 0)]
    batch = assemble(ids, TokenRanges(*numbers), 8, vocabulary)
    masked = mask(batch, vocabulary)
    assert not masked.weights.any()
    assert np.array_equal(masked.input_ids, batch.input_ids)


@given(st.integers(2, 600), st.integers(0, 99))
def test_keys_of_a_row_are_all_different(length: int, seed: int) -> None:
    keys = draw_keys(np.ones((3, length), bool), draw(seed, "keys"))
    assert all(len(set(row)) == length for row in keys.tolist())
