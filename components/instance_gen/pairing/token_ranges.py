"""Describe instances as one or two token ranges, and truncate them to a token budget."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from components.instance_gen.tokenizing.ragged import Int64

PAIR_SPECIALS = 3  # [CLS] A [SEP] B [SEP]
SINGLE_SPECIALS = 2  # [CLS] A [SEP]


@dataclass(frozen=True)
class TokenRanges:
    """n instances as ranges of token ids; a second range of length 0 means there is none."""

    first_start: Int64
    first_length: Int64
    second_start: Int64
    second_length: Int64
    label: Int64  # of the pair; 0 if the objective has none

    def __len__(self) -> int:
        return len(self.label)

    def take(self, rows: Int64) -> "TokenRanges":
        """Return the instances of these rows."""
        return TokenRanges(
            self.first_start[rows],
            self.first_length[rows],
            self.second_start[rows],
            self.second_length[rows],
            self.label[rows],
        )


@dataclass(frozen=True)
class Walk:
    """How documents are walked to cut instances."""

    seq_length: int  # L
    short_seq_fraction: float  # share of instances with a shorter target length
    copies: int  # passes over the documents, each with different cuts and labels
    rng: np.random.Generator  # source of all random draws

    def targets(self, n: int, budget: int | Int64) -> Int64:
        """Draw the target length in tokens of n instances.

        It is the whole budget, but for a share of the instances it is uniform from 2 up, so that
        the encoder also sees short inputs. BERT decides once per document; we decide per instance.
        """
        short: npt.NDArray[np.bool_] = self.rng.random(n) < self.short_seq_fraction
        return np.where(short, self.rng.integers(2, budget + 1, n), budget)


def truncate(ranges: TokenRanges, budget: int, rng: np.random.Generator) -> tuple[TokenRanges, int]:
    """Truncate pairs to a budget as BERT's `truncate_seq_pair` does; count the dropped tokens.

    BERT drops one token at a time from the longer segment (from the second if both are equal), and
    a fair coin decides between front and back. So the shorter segment is kept if it fits in half
    the budget, and the number of tokens dropped at the front is binomial.
    """
    first, second = ranges.first_length, ranges.second_length
    half = -(-budget // 2)
    kept_first = np.minimum(first, np.maximum(half, budget - second))
    kept_second = np.minimum(second, budget - kept_first)
    from_front_first = rng.binomial(first - kept_first, 0.5)
    from_front_second = rng.binomial(second - kept_second, 0.5)
    cut = TokenRanges(
        ranges.first_start + from_front_first,
        kept_first,
        ranges.second_start + from_front_second,
        kept_second,
        ranges.label,
    )
    return cut, int((first + second - kept_first - kept_second).sum())
