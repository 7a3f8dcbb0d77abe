"""The training loop traced under the real `TPUStrategy`, on a TPU that does not exist."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
import tensorflow as tf
from tensorflow.python.client.session import _DeviceAttributes
from tensorflow.python.distribute import values
from tensorflow.python.tpu.tpu_system_metadata import TPUSystemMetadata

from trainer.loop.state import State
from trainer.loop.step import make_train_steps
from trainer.models.architecture import resolve_architecture
from trainer.models.parameters import make_variables
from trainer.objectives.choose import make_objective
from trainer.optimizers.adamw import Optimizer
from trainer.settings.training import TrainingSettings

CORES = 2
HOST = "/job:localhost/replica:0/task:0/device:"
PAIRS = {"bert": "next_sentence", "albert": "sentence_order", "electra": None}
LENGTH, SLOTS = 32, 5


class MadeUpTpu(tf.distribute.cluster_resolver.TPUClusterResolver):
    """Says that this machine has TPU cores."""

    def __init__(self) -> None:
        self._tpu, self._environment = "made up", ""

    def get_tpu_system_metadata(self) -> TPUSystemMetadata:
        """Describe the cores."""
        names = ["CPU:0", "TPU_SYSTEM:0", *(f"TPU:{core}" for core in range(CORES))]
        return TPUSystemMetadata(
            num_cores=CORES,
            num_hosts=1,
            num_of_cores_per_host=CORES,
            topology=None,
            devices=[_DeviceAttributes(HOST + name, name.split(":")[0], 0, 0) for name in names],
        )

    def cluster_spec(self) -> tf.train.ClusterSpec:
        """There is no cluster."""
        return tf.train.ClusterSpec({})

    def master(self, *_: object, **__: object) -> str:
        """Return the name of this process."""
        return ""

    task_type = task_id = None


@dataclass(frozen=True)
class Traced:
    """The operations of the graph, by whether the TPU or its host runs them."""

    on_tpu: "Counter[str]"
    on_host: "Counter[str]"
    types: frozenset[int]  # of tensors on the TPU, as TensorFlow numbers them


def trace(settings: TrainingSettings) -> Traced:
    """Trace three steps of the training loop with settings, and count its operations."""
    with tf.Graph().as_default() as graph:
        strategy = tf.distribute.TPUStrategy(MadeUpTpu())
        architecture = resolve_architecture(settings.model, vocab_size=800, pad_id=0)
        pair = PAIRS[settings.model.type]
        objective = make_objective(architecture, pair, settings.model.electra)
        parameters = objective.model.parameters()
        with strategy.scope():
            variables = make_variables({n: np.zeros(p.shape) for n, p in parameters.items()})
            step = tf.Variable(
                0,
                dtype=tf.int64,
                trainable=False,
                aggregation=tf.VariableAggregation.ONLY_FIRST_REPLICA,
            )
            state = State(variables, Optimizer(variables, settings.trainer), step)
        size = settings.trainer.global_batch_size // CORES
        train_steps = make_train_steps(settings.trainer, strategy, objective, state, seed=1)
        train_steps(Batches(size, pair), tf.constant(3))
    definition = graph.as_graph_def()
    nodes = list(definition.node)
    functions = {function.signature.name: function for function in definition.library.function}
    for function in functions.values():
        nodes += function.node_def
    return count(nodes, functions)


class Batches:
    """The iterator of a distributed dataset, with zeros for each core."""

    def __init__(self, size: int, pair: str | None) -> None:
        self._size, self._pair = size, pair

    def __iter__(self) -> "Batches":
        return self

    def __next__(self) -> dict[str, Any]:
        cores = [self._batch() for _ in range(CORES)]
        return {name: values.PerReplica([core[name] for core in cores]) for name in cores[0]}

    def _batch(self) -> dict[str, tf.Tensor]:
        tokens = ("input_ids", "input_mask", "segment_ids")
        batch = {name: tf.zeros([self._size, LENGTH], tf.int32) for name in tokens}
        for name in ("masked_lm_positions", "masked_lm_ids"):
            batch[name] = tf.zeros([self._size, SLOTS], tf.int32)
        batch["masked_lm_weights"] = tf.zeros([self._size, SLOTS])
        if self._pair:
            batch[f"{self._pair}_labels"] = tf.zeros([self._size], tf.int32)
        return batch


def count(nodes: Iterable[Any], functions: dict[str, Any]) -> Traced:
    """Count operations; those of functions that the TPU calls are its own."""
    nodes = list(nodes)
    on_tpu = [node for node in nodes if "_tpu_replicate" in node.attr]
    called = set().union(*(called_by(node) for node in on_tpu))
    done: set[str] = set()
    while left := called - done:
        name = left.pop()
        done.add(name)
        body = [node for node in functions[name].node_def if "_tpu_replicate" not in node.attr]
        on_tpu += body
        called |= set().union(*(called_by(node) for node in functions[name].node_def))
    own = {id(node) for node in on_tpu}
    return Traced(
        Counter(node.op for node in on_tpu),
        Counter(node.op for node in nodes if id(node) not in own),
        frozenset(value.type for node in on_tpu for value in node.attr.values() if value.type),
    )


def called_by(node: Any) -> set[str]:
    """Return the functions that a node calls: bodies of loops, branches, calls."""
    names: set[str] = set()
    for attribute in node.attr.values():
        names |= {attribute.func.name, *(f.name for f in attribute.list.func)} - {""}
    return names
