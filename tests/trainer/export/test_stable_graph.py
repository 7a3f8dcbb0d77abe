"""A model is exported to the same bytes no matter what its process did before."""

from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from tensorflow.core.framework.graph_pb2 import GraphDef
from tensorflow.core.protobuf import saved_model_pb2

from core.manifest import read_manifest
from tests.trainer.conftest import settings_in
from trainer.export.export import export_model
from trainer.export.stable_graph import GRAPH
from trainer.input.instances import open_instances
from trainer.models.parameters import first_values
from trainer.objectives.choose import choose_objective

KINDS = ("bert", "electra")


@pytest.fixture(scope="module")
def twice(static_folder: str, tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[Path]]:
    """Return models that one process exported twice, with other work in between."""
    made = {}
    for kind in KINDS:
        root = tmp_path_factory.mktemp(kind)
        instances = open_instances(static_folder)
        model = choose_objective(settings_in(root, {"type": kind}).model, instances).model
        values = first_values(model.parameters(), deviation=0.02, seed=1)
        made[kind] = [root / "first", root / "second"]
        for folder in made[kind]:
            export_model(str(folder), model, values, instances, {})
            tf.function(lambda x: x + 1)(tf.constant(1))
    return made


@pytest.mark.parametrize("kind", KINDS)
def test_every_file_of_two_exports_is_the_same(kind: str, twice: dict[str, list[Path]]) -> None:
    first, second = (_files(folder) for folder in twice[kind])
    assert first.keys() == second.keys()
    for name, content in first.items():
        assert content == second[name], name
    digests = {read_manifest(str(folder)).content_digest() for folder in twice[kind]}
    assert len(digests) == 1


@pytest.mark.parametrize("kind", KINDS)
def test_the_graph_does_not_depend_on_the_devices_of_the_process(
    kind: str, twice: dict[str, list[Path]]
) -> None:
    """TensorFlow stores the numbers of CPUs and GPUs in function calls."""
    definition = _graph(twice[kind][0])
    nodes = [*definition.node, *(n for f in definition.library.function for n in f.node_def)]
    configs = [node.attr["config_proto"].s for node in nodes if "config_proto" in node.attr]
    assert configs
    assert set(configs) == {b""}


@pytest.mark.parametrize("kind", KINDS)
def test_the_graph_is_that_of_the_layers_definitions(
    kind: str, twice: dict[str, list[Path]]
) -> None:
    """Their gradients in closed form would be numbered by process, too."""
    assert not _graph(twice[kind][0]).library.registered_gradients


@pytest.mark.parametrize("kind", KINDS)
def test_a_loaded_model_computes_and_can_be_tuned(
    kind: str, twice: dict[str, list[Path]], static_folder: str
) -> None:
    """The renamed functions still refer to each other."""
    loaded = tf.saved_model.load(str(twice[kind][0]))
    ids = tf.constant([[2, 11, 12, 3], [2, 13, 3, 0]])
    (table,) = (v for n, v in loaded._weights.items() if n.endswith("word_embeddings.weight"))
    rng = np.random.default_rng(5)
    weights = rng.normal(size=32).astype(np.float32)

    def loss() -> tf.Tensor:
        vectors = loaded.encode_ids(ids, tf.sign(ids), tf.zeros_like(ids))["pooled_output"]
        return tf.reduce_sum(vectors * weights)

    with tf.GradientTape() as tape:
        now = loss()
    slope = tf.convert_to_tensor(tape.gradient(now, table))
    direction = rng.normal(size=table.shape).astype(np.float32)
    table.assign_add(1e-3 * direction)
    ahead = loss()
    table.assign_sub(2e-3 * direction)
    expected = float((ahead - loss()) / 2e-3)
    assert float(tf.reduce_sum(slope * direction)) == pytest.approx(expected, rel=0.03)


def _graph(folder: Path) -> GraphDef:
    graph = (folder / GRAPH).read_bytes()
    return saved_model_pb2.SavedModel.FromString(graph).meta_graphs[0].graph_def


def _files(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }
