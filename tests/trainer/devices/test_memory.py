"""A device that runs out of memory ends the run with a sentence that names settings."""

import re

import pytest
import tensorflow as tf

from trainer.devices.memory import OutOfMemoryError, explain_lack_of_memory
from trainer.settings.training import TrainerSettings

# TensorFlow's allocator, and XLA's compiler for TPUs.
ERRORS = [
    tf.errors.ResourceExhaustedError(None, None, "failed to allocate memory [Op:Mul]"),
    tf.errors.InternalError(None, None, "Out of memory while trying to allocate 9 bytes."),
    tf.errors.InvalidArgumentError(None, None, "XLA: Ran out of memory in memory space hbm."),
]


@pytest.mark.parametrize("error", ERRORS)
def test_the_message_names_the_next_number_of_parts(error: tf.errors.OpError) -> None:
    settings = TrainerSettings(global_batch_size=96, accumulate_steps=2)
    with (
        pytest.raises(
            OutOfMemoryError,
            match=re.escape("too little memory for 24 instances at once (")
            + r".*Set trainer\.accumulate_steps to 3 .*trainer\.recompute to layers.*bfloat16\.",
        ),
        explain_lack_of_memory(settings, replicas=2),
    ):
        raise error


def test_where_nothing_is_left_to_set_the_model_is_too_large() -> None:
    settings = TrainerSettings(
        global_batch_size=4, accumulate_steps=4, recompute="layers", precision="bfloat16"
    )
    with (
        pytest.raises(OutOfMemoryError, match=r"for 1 instances.*Lower instances.seq_length"),
        explain_lack_of_memory(settings, replicas=1),
    ):
        raise ERRORS[0]


def test_other_errors_stay() -> None:
    with (
        pytest.raises(tf.errors.InternalError, match="broken"),
        explain_lack_of_memory(TrainerSettings(), replicas=1),
    ):
        raise tf.errors.InternalError(None, None, "broken")


def test_a_real_allocation_that_fails_is_explained() -> None:
    with (
        pytest.raises(OutOfMemoryError, match="256 instances at once"),
        explain_lack_of_memory(TrainerSettings(), replicas=1),
    ):
        tf.zeros([1 << 23, 1 << 23])
