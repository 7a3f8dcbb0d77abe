"""What a GPU would run op by op (`trainer.compile: off`), by the kernels that TensorFlow has."""

from typing import Any

import pytest
import tensorflow as tf
from tensorflow.python.framework import kernels

from tests.accelerators.export_step import Step, make_batch
from trainer.loop.state import State
from trainer.loop.step import ReplicaStep
from trainer.models.parameters import first_values, make_variables
from trainer.objectives.choose import make_objective
from trainer.optimizers.adamw import Optimizer
from trainer.settings.model import ModelSettings
from trainer.settings.training import TrainerSettings

NO_KERNEL = {"Const", "Placeholder", "NoOp"}


@pytest.mark.parametrize(("kind", "pair"), [("bert", "next_sentence"), ("electra", None)])
def test_the_host_computes_nothing_larger_than_the_tokens_of_a_batch(
    kind: str, pair: str | None
) -> None:
    """TensorFlow computes int32 on the host of a GPU, and copies the results."""
    step = Step(
        ModelSettings.model_validate({"type": kind, "num_layers": 2}),
        TrainerSettings(global_batch_size=4, precision="bfloat16"),
        length=32,
    )
    objective = make_objective(step.architecture(), pair, step.model.electra)
    parameters = objective.model.parameters()
    variables = make_variables(first_values(parameters, deviation=0.02, seed=1))
    updates = tf.Variable(0, dtype=tf.int64, trainable=False)
    state = State(variables, Optimizer(variables, step.trainer), updates)
    traced = tf.function(ReplicaStep(step.trainer, objective, state, seed=1).run, autograph=False)
    graph = traced.get_concrete_function(make_batch(step), tf.constant(0, tf.int64)).graph
    operations = [op for op in graph.get_operations() if op.type not in NO_KERNEL]
    assert len(operations) > 500
    tokens = step.trainer.global_batch_size * step.length
    for op in operations:
        kernel = gpu_kernel(op)
        assert kernel is not None, f"{op.type} has no kernel for GPUs"
        for argument, output in zip(op.op_def.output_arg, op.outputs, strict=False):
            is_small = output.shape.num_elements() <= tokens
            assert is_small or argument.name not in kernel.host_memory_arg, op


def gpu_kernel(op: tf.Operation) -> Any:
    """Return the kernel that TensorFlow would choose on a GPU, or None."""
    for kernel in kernels.get_registered_kernels_for_op(op.type).kernel:
        if kernel.device_type in ("GPU", "DEFAULT") and all(
            fits(op.get_attr(constraint.name), constraint.allowed_values.list.type)
            for constraint in kernel.constraint
        ):
            return kernel
    return None


def fits(types: Any, allowed: Any) -> bool:
    """Return whether a kernel is for these types."""
    return all(
        t.as_datatype_enum in allowed for t in (types if isinstance(types, list) else [types])
    )
