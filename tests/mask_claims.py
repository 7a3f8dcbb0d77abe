"""Check what holds for every masked input, static or dynamic, in plain Python."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from core.draw import draw

CASES, ROWS = 10_000, 100  # in a batch
LENGTH, SLOTS = 32, 12
PAD, UNK, CLS, SEP, MASK, FIRST = range(6)
VOCAB_SIZE = 50
SPECIALS = (PAD, UNK, CLS, SEP, MASK)
# Combinations of masking settings to test.
CHOICES = [
    {"unit": unit, "decide": decide, "rate": rate, "mask_share": 0.5, "random_share": 0.3}
    for unit, decide in (("token", "piece"), ("word", "word"), ("ngram", "piece"))
    for rate in (0.15, 0.5)
]


@dataclass(frozen=True)
class Case:
    """An input, and the positions of each word that may be masked."""

    ids: list[int]  # without padding
    starts: list[int]
    words: list[list[int]]

    def padded(self) -> tuple[list[int], list[int], list[int]]:
        """(L,) ids, input mask and word starts."""
        rest = LENGTH - len(self.ids)
        real = [1] * len(self.ids) + [0] * rest
        return self.ids + [PAD] * rest, real, self.starts + [1] * rest


def build(first: Sequence[int], second: Sequence[int]) -> Case:
    """Build two segments from words of these sizes until they are full; size 0 is [UNK]."""
    case = Case([CLS], [1], [])
    for sizes, room in ((first, LENGTH // 2), (second, LENGTH - 1)):
        for size in sizes:
            place = len(case.ids)
            if place + max(size, 1) > room:
                break
            case.ids.extend([FIRST + (place + n) % (VOCAB_SIZE - FIRST) for n in range(size)])
            case.ids.extend([UNK] if size == 0 else [])
            case.starts.extend([1] + [0] * (size - 1))
            case.words.extend([list(range(place, place + size))] if size else [])
        case.ids.append(SEP)
        case.starts.append(1)
    return case


def masking_batches() -> Iterator[tuple[int, dict[str, Any], list[Case]]]:
    """Yield numbers, settings and batches of random cases."""
    for number in range(CASES // ROWS):
        rng = draw(number, "cases")
        sizes = [rng.integers(0, 7, rng.integers(0, 13)).tolist() for _ in range(2 * ROWS)]
        cases = [build(*pair) for pair in zip(sizes[::2], sizes[1::2], strict=True)]
        yield number, CHOICES[number % len(CHOICES)], cases


def check_batch(
    cases: list[Case], settings: dict[str, Any], *results: Sequence[Sequence[Any]]
) -> None:
    """Check new ids, positions, ids and weights of a batch."""
    for case, *rows in zip(cases, *results, strict=True):
        check_masks(case, settings, *rows)


def check_masks(
    case: Case,
    settings: dict[str, Any],
    new_ids: Sequence[int],
    positions: Sequence[int],
    ids: Sequence[int],
    weights: Sequence[float],
) -> None:
    """Check slots, budget, whole words and replacements of one masked input."""
    used = int(sum(weights))
    chosen = list(positions[:used])
    assert list(weights) == [1.0] * used + [0.0] * (SLOTS - used)
    assert chosen == sorted(set(chosen))
    assert not any(positions[used:])
    old_ids, _, _ = case.padded()
    assert list(ids) == [old_ids[p] for p in chosen] + [0] * (SLOTS - used)
    assert {p for p in range(LENGTH) if new_ids[p] != old_ids[p]} <= set(chosen)
    assert all(new_ids[p] == MASK or new_ids[p] >= FIRST for p in chosen)
    _check_choice(case, settings, set(chosen))
    if settings["decide"] == "word":
        for word in case.words:
            assert len({new_ids[p] == MASK for p in word}) == 1


def _check_choice(case: Case, settings: dict[str, Any], chosen: set[int]) -> None:
    maskable = {p for word in case.words for p in word}
    assert chosen <= maskable
    budget = min(max(round(len(case.ids) * settings["rate"]), 1), SLOTS)
    if settings["unit"] == "token":
        assert len(chosen) == min(budget, len(maskable))
        return
    whole = [word for word in case.words if chosen & set(word)]
    assert {p for word in whole for p in word} == chosen
    left = budget - len(chosen)
    assert left >= 0
    assert all(len(word) > left for word in case.words if word not in whole)
