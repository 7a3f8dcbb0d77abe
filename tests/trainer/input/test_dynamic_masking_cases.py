"""The properties of masks drawn in the graph, over ten thousand cases."""

import functools
from collections.abc import Callable

import pytest
import tensorflow as tf
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.mask_claims import (
    CHOICES,
    LENGTH,
    MASK,
    SLOTS,
    SPECIALS,
    VOCAB_SIZE,
    Case,
    cases,
    check_masks,
)
from trainer.input.dynamic_masking import MaskVocabulary, mask_tokens
from trainer.row_draws import RowDraws
from trainer.settings.masking import MaskingSettings

CASES = 10_000


@functools.cache
def masker(choice: int) -> Callable[..., tuple[tf.Tensor, ...]]:
    """Return the masker with one choice of settings, as a graph."""
    row = tf.TensorSpec([1, LENGTH], tf.int32)

    @tf.function(input_signature=[row, row, row, tf.TensorSpec([2], tf.int32)])
    def mask(ids: tf.Tensor, real: tf.Tensor, starts: tf.Tensor, seed: tf.Tensor) -> tuple:
        return mask_tokens(
            ids,
            real,
            starts,
            masking=MaskingSettings(**CHOICES[choice]),
            max_predictions=SLOTS,
            vocabulary=MaskVocabulary(MASK, SPECIALS, VOCAB_SIZE),
            draws=RowDraws(seed),
        )

    return mask


@pytest.mark.slow
@settings(max_examples=CASES, deadline=None, suppress_health_check=list(HealthCheck))
@given(cases, st.integers(0, len(CHOICES) - 1), st.integers(0, 2**31 - 1))
def test_claims_about_dynamic_masks_hold(case: Case, choice: int, seed: int) -> None:
    rows = (tf.constant([row], tf.int32) for row in case.padded())
    masked = masker(choice)(*rows, tf.constant([seed, 1], tf.int32))
    check_masks(case, CHOICES[choice], *(value[0].numpy().tolist() for value in masked))
