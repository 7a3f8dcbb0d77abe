"""The distribution of masks drawn in the graph, compared with a definition without TensorFlow."""

import math
from pydoc_data.topics import topics

import pytest
import tensorflow as tf

from trainer.input.dynamic_masking import Masked, MaskVocabulary, mask_tokens
from trainer.row_draws import RowDraws
from trainer.settings.masking import MaskingSettings

LENGTH = 32
PAD, UNK, CLS, SEP, MASK = range(5)
FIRST_LETTER = 5  # ids 5 … 30: the letters; 31 … 56: the letters inside a word
VOCABULARY = MaskVocabulary(mask_id=MASK, special_ids=(PAD, UNK, CLS, SEP, MASK), vocab_size=57)


def spelled(text: str) -> list[int]:
    """Split words into letters: every letter is a token, all but the first continue a word."""
    return [
        ord(letter) - ord("a") + FIRST_LETTER + (26 if n else 0)
        for word in text.split()
        for n, letter in enumerate(word)
    ]


def real_rows(count: int) -> list[list[int]]:
    """Return inputs of real English text in two segments and of several lengths."""
    text = " ".join(topics["specialnames"].lower().split())
    letters = "".join(c if "a" <= c <= "z" else " " for c in text)
    ids = spelled(letters)
    rows = []
    for n in range(count):
        size = LENGTH - 3 - (n % 7)
        part = ids[n * 29 : n * 29 + size]
        rows.append([CLS, *part[:10], SEP, *part[10:], SEP])
    return rows


def as_batch(rows: list[list[int]]) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    padded = [row + [PAD] * (LENGTH - len(row)) for row in rows]
    starts = [
        [int(i < FIRST_LETTER + 26 or n in (1, 12)) for n, i in enumerate(row)] for row in padded
    ]
    real = [[int(n < len(row)) for n in range(LENGTH)] for row in rows]
    return tuple(tf.constant(values, tf.int32) for values in (padded, real, starts))


def mask(
    rows: list[list[int]], seed: int = 0, slots: int = 8, **settings: object
) -> tuple[list[list[int]], Masked]:
    masking = MaskingSettings(**settings)
    masked = mask_tokens(
        *as_batch(rows),
        masking=masking,
        max_predictions=slots,
        vocabulary=VOCABULARY,
        draws=RowDraws(tf.constant([seed, 7], tf.int32)),
    )
    return rows, Masked(*(value.numpy() for value in masked))


def words_of(row: list[int]) -> list[list[int]]:
    """Return the positions of each word that may be masked."""
    words: list[list[int]] = []
    for position, token in enumerate(row):
        if token < FIRST_LETTER:
            continue
        if token < FIRST_LETTER + 26 or row[position - 1] < FIRST_LETTER:
            words.append([])
        words[-1].append(position)
    return words


@pytest.mark.parametrize("unit", ["token", "word", "ngram"])
def test_slots_are_ascending_distinct_and_never_special(unit: str) -> None:
    rows, masked = mask(real_rows(300), unit=unit)
    for n, row in enumerate(rows):
        used = int(masked.masked_lm_weights[n].sum())
        positions = masked.masked_lm_positions[n][:used].tolist()
        assert positions == sorted(set(positions))
        assert all(row[p] >= FIRST_LETTER for p in positions)
        assert masked.masked_lm_ids[n][:used].tolist() == [row[p] for p in positions]
        for unused in (masked.masked_lm_positions, masked.masked_lm_ids, masked.masked_lm_weights):
            assert not unused[n][used:].any()


@pytest.mark.parametrize("unit", ["token", "word", "ngram"])
def test_nothing_but_the_slots_changes(unit: str) -> None:
    rows, masked = mask(real_rows(300), unit=unit)
    for n, row in enumerate(rows):
        padded = row + [PAD] * (LENGTH - len(row))
        positions = set(masked.masked_lm_positions[n].tolist())
        changed = {p for p in range(LENGTH) if masked.input_ids[n][p] != padded[p]}
        assert changed <= positions


def test_token_budgets_are_exact() -> None:
    rows, masked = mask(real_rows(300), rate=0.2, slots=5)
    for row, weights in zip(rows, masked.masked_lm_weights, strict=True):
        assert weights.sum() == min(5, round(len(row) * 0.2))


@pytest.mark.parametrize("unit", ["word", "ngram"])
def test_whole_words_are_masked_until_no_other_word_fits(unit: str) -> None:
    rows, masked = mask(real_rows(300), unit=unit, rate=0.2)
    for n, row in enumerate(rows):
        used = int(masked.masked_lm_weights[n].sum())
        positions = set(masked.masked_lm_positions[n][:used].tolist())
        chosen = [w for w in words_of(row) if positions & set(w)]
        assert {p for w in chosen for p in w} == positions
        left = round(len(row) * 0.2) - used
        assert left >= 0
        assert all(len(w) > left for w in words_of(row) if w not in chosen)


def test_every_token_has_the_same_chance() -> None:
    row = real_rows(1)[0]
    _, masked = mask([row] * 20_000, rate=0.15)
    share = [0.0] * LENGTH
    for positions, weights in zip(
        masked.masked_lm_positions, masked.masked_lm_weights, strict=True
    ):
        for position, weight in zip(positions, weights, strict=True):
            share[position] += weight / 20_000
    maskable = [n for n, token in enumerate(row) if token >= FIRST_LETTER]
    expected = round(len(row) * 0.15) / len(maskable)
    deviation = 5 * math.sqrt(expected / 20_000)
    assert all(abs(share[n] - expected) < deviation for n in maskable)


def test_shares_hold_over_a_million_tokens() -> None:
    _, masked = mask(real_rows(500) * 150, rate=0.5, slots=16)
    used = masked.masked_lm_weights > 0
    assert used.sum() > 1_000_000
    new = tf.gather(masked.input_ids, masked.masked_lm_positions, batch_dims=1).numpy()[used]
    old = masked.masked_lm_ids[used]
    is_mask, is_kept = new == MASK, new == old
    assert abs(is_mask.mean() - 0.8) < 0.005
    assert abs(is_kept.mean() - (0.1 + 0.1 / 52)) < 0.005  # a random letter may be the same
    drawn = new[~is_mask & ~is_kept]
    assert drawn.min() >= FIRST_LETTER
    assert set(drawn.tolist()) == set(range(FIRST_LETTER, VOCABULARY.vocab_size))


def test_an_input_with_nothing_to_mask_is_unchanged() -> None:
    _, masked = mask([[CLS, UNK, SEP, UNK, SEP]])
    assert not masked.masked_lm_weights.any()
    assert masked.input_ids[0][:5].tolist() == [CLS, UNK, SEP, UNK, SEP]


def test_masks_depend_only_on_the_seed() -> None:
    rows = real_rows(50)
    first, again, other = (mask(rows, seed)[1] for seed in (1, 1, 2))
    assert (first.input_ids == again.input_ids).all()
    assert (first.input_ids != other.input_ids).any(axis=1).mean() > 0.9


@pytest.mark.parametrize("unit", ["token", "word", "ngram"])
def test_masks_are_the_same_with_xla(unit: str) -> None:
    ids, real, starts = as_batch(real_rows(20))

    def masked(seed: tf.Tensor) -> Masked:
        return mask_tokens(
            ids,
            real,
            starts,
            masking=MaskingSettings(unit=unit),
            max_predictions=8,
            vocabulary=VOCABULARY,
            draws=RowDraws(seed),
        )

    seed = tf.constant([3, 4], tf.int32)
    compiled = tf.function(masked, jit_compile=True, autograph=False)(seed)
    for ours, theirs in zip(masked(seed), compiled, strict=True):
        assert (ours.numpy() == theirs.numpy()).all()


def test_runs_of_words_have_the_lengths_of_albert() -> None:
    # Every letter is a word; a budget of 3 holds one run of 3, or starts with a shorter one.
    row = [CLS, *[FIRST_LETTER + n % 26 for n in range(LENGTH - 3)], SEP, SEP]
    _, masked = mask([row] * 20_000, rate=3.2 / LENGTH, unit="ngram", favor="long")
    columns = masked.masked_lm_positions[:, :3]
    assert (masked.masked_lm_weights.sum(axis=1) == 3).all()
    in_one_run = (columns[:, 2] - columns[:, 0] == 2).mean()
    words = LENGTH - 3
    placed = 6 / 11 * (words - 2) / words  # p(3) of 1/n, reversed; two starts have no room for 3
    assert abs(in_one_run - placed) < 0.05  # a 2 and a 1 may come to lie side by side


def test_pieces_of_a_word_are_replaced_together_if_set() -> None:
    for decide, all_alike in (("word", True), ("piece", False)):
        rows, masked = mask(
            real_rows(300), unit="word", rate=0.4, slots=13, decide=decide, random_share=0.0
        )
        alike = []
        for n, row in enumerate(rows):
            used = int(masked.masked_lm_weights[n].sum())
            positions = set(masked.masked_lm_positions[n][:used].tolist())
            for word in words_of(row):
                if positions & set(word):
                    alike.append(len({int(masked.input_ids[n][p]) == MASK for p in word}) == 1)
        assert all(alike) == all_alike


def call(rows: list[list[int]], **arguments: object) -> Masked:
    masked = mask_tokens(
        *as_batch(rows),
        masking=MaskingSettings(rate=0.2),
        max_predictions=8,
        vocabulary=VOCABULARY,
        draws=RowDraws(tf.constant([0, 1], tf.int32)),
        **arguments,
    )
    return Masked(*(value.numpy() for value in masked))


def test_a_rate_schedule_sets_the_budget() -> None:
    rows = real_rows(50)
    masked = call(rows, rate=tf.constant(0.1))
    for row, weights in zip(rows, masked.masked_lm_weights, strict=True):
        assert weights.sum() == round(len(row) * 0.1)


def test_tokens_that_are_disallowed_are_not_chosen() -> None:
    rows = real_rows(200)
    first_half = tf.broadcast_to(tf.range(LENGTH) < 16, [200, LENGTH])
    masked = call(rows, disallow_from_mask=first_half)
    used = masked.masked_lm_weights > 0
    assert used.any()
    assert masked.masked_lm_positions[used].min() >= 16


def test_tokens_masked_before_count_against_the_budget() -> None:
    rows = real_rows(200)
    before = tf.broadcast_to((tf.range(LENGTH) == 2) | (tf.range(LENGTH) == 5), [200, LENGTH])
    masked = call(rows, already_masked=before)
    for row, weights, positions in zip(
        rows, masked.masked_lm_weights, masked.masked_lm_positions, strict=True
    ):
        assert weights.sum() == max(round(len(row) * 0.2) - 2, 0)
        assert not {2, 5} & set(positions[: int(weights.sum())].tolist())


def test_tokens_are_chosen_in_proportion_to_a_proposal() -> None:
    row = real_rows(1)[0]
    weight = [1.0] * LENGTH
    weight[3], weight[4], weight[6] = 4.0, 0.0, 8.0
    proposal = tf.broadcast_to(tf.constant(weight), [20_000, LENGTH])
    masked = call([row] * 20_000, proposal_distribution=proposal, rate=tf.constant(0.001))
    assert (masked.masked_lm_weights.sum(axis=1) == 1).all()
    maskable = [n for n, token in enumerate(row) if token >= FIRST_LETTER]
    total = sum(weight[n] for n in maskable)
    for n in maskable:
        share = (masked.masked_lm_positions[:, 0] == n).mean()
        assert abs(share - weight[n] / total) < 0.01
