"""The properties of masks drawn in the graph, over ten thousand cases."""

import functools
from collections.abc import Callable

import pytest
import tensorflow as tf

from tests.mask_claims import (
    CHOICES,
    LENGTH,
    MASK,
    SLOTS,
    SPECIALS,
    VOCAB_SIZE,
    check_batch,
    masking_batches,
)
from trainer.input.dynamic_masking import MaskVocabulary, mask_tokens
from trainer.row_draws import RowDraws
from trainer.settings.masking import MaskingSettings


@functools.cache
def masker(choice: int) -> Callable[..., tuple[tf.Tensor, ...]]:
    """Return the masker with one choice of settings, as a graph."""
    rows, seed = tf.TensorSpec([None, LENGTH], tf.int32), tf.TensorSpec([2], tf.int32)

    @tf.function(input_signature=[rows, rows, rows, seed], autograph=False)
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
def test_claims_about_dynamic_masks_hold() -> None:
    for number, choice, cases in masking_batches():
        padded = zip(*(case.padded() for case in cases), strict=True)
        rows = (tf.constant(values, tf.int32) for values in padded)
        masked = masker(CHOICES.index(choice))(*rows, tf.constant([number, 1], tf.int32))
        check_batch(cases, choice, *(value.numpy().tolist() for value in masked))
