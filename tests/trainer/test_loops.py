"""Several steps in one call make the same updates, with no work for the host in between."""

import pytest
import tensorflow as tf

from tests.trainer.conftest import MakeSettings
from tests.trainer.training_tools import assert_equal_states, one_cpu
from trainer.input.batches import training_batches
from trainer.input.distribute import distribute_batches
from trainer.input.instances import open_instances
from trainer.loop.state import State, start_state
from trainer.loop.step import TrainSteps, make_train_steps
from trainer.objectives.choose import choose_objective
from trainer.settings.training import TrainingSettings

HOST_WORK = {"PyFunc", "PyFuncStateless", "EagerPyFunc", "PrintV2", "Assert", "WriteSummary"}


def steps_and_state(
    settings: TrainingSettings, folder: str
) -> tuple[TrainSteps, tf.distribute.DistributedIterator, State]:
    """Return the compiled steps, their batches, and the state that they change."""
    instances = open_instances(folder)
    objective = choose_objective(settings.model, instances)
    with one_cpu().scope():
        state = start_state(settings, objective)
    size = settings.trainer.global_batch_size
    batches = training_batches(
        instances, settings.masking, batch_size=size, seed=settings.seed, first_step=0
    )
    train_steps = make_train_steps(
        settings.trainer, one_cpu(), objective, state, seed=settings.seed
    )
    return train_steps, iter(distribute_batches(one_cpu(), batches, size)), state


def test_the_number_of_steps_per_call_changes_nothing(
    dynamic_folder: str, make_settings: MakeSettings
) -> None:
    settings = make_settings()
    one, batches, alone = steps_and_state(settings, dynamic_folder)
    for _ in range(6):
        one(batches, tf.constant(1))
    several, batches, together = steps_and_state(settings, dynamic_folder)
    for count in (4, 2):
        several(batches, tf.constant(count))
    assert_equal_states(alone, together)


@pytest.mark.parametrize("kind", ["bert", "albert", "electra"])
def test_a_loop_of_steps_needs_no_host_operation(
    kind: str, dynamic_folder: str, make_settings: MakeSettings
) -> None:
    settings = make_settings({"type": kind}, accumulate_steps=2)
    train_steps, batches, _ = steps_and_state(settings, dynamic_folder)
    traced = train_steps.get_concrete_function(batches, tf.constant(3))  # type: ignore[attr-defined]
    graph = traced.graph.as_graph_def()
    bodies = [graph.node, *(function.node_def for function in graph.library.function)]
    operations = {node.op for nodes in bodies for node in nodes}
    assert {"While", "StatelessWhile"} & operations  # the steps are a loop in the graph
    assert "MatMul" in operations
    assert not operations & HOST_WORK
