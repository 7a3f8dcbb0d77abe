"""The graph names the producer, the reuses, the ancestors and the descendants of an artifact."""

from pipelines.metadata.graph import Execution, Graph
from tests.pipelines.lineage.conftest import History


def node(graph: Graph, run_id: str, node_id: str) -> Execution:
    return graph.of_run(run_id)[node_id]


def output(graph: Graph, execution: Execution, key: str) -> int:
    (artifact,) = [e.artifact for e in graph.outputs(execution.id) if e.key == key]
    return artifact


def test_a_cached_execution_is_resolved_to_the_run_that_did_the_work(
    graph: Graph, history: History
) -> None:
    cached = node(graph, history.repeated, "Trainer")
    assert cached.state == "cached"
    true = graph.true_execution(cached)
    assert (true.run_id, true.state) == (history.changed, "ran")
    assert output(graph, cached, "model") == output(graph, true, "model")


def test_an_artifact_has_one_producer_and_lists_every_reuse(graph: Graph, history: History) -> None:
    documents = output(graph, node(graph, history.first, "TextExampleGen"), "examples")
    producer = graph.producer(documents)
    assert producer is not None
    assert producer.run_id == history.first
    runs = [execution.run_id for execution in graph.reuses(documents)]
    assert runs == [history.changed, history.repeated, history.failed, history.killed]


def test_upstream_of_a_model_is_its_instances_vocabulary_and_text_and_nothing_else(
    graph: Graph, history: History
) -> None:
    model = output(graph, node(graph, history.changed, "Trainer"), "model")
    ancestors = [(distance, a.type_name) for distance, a in graph.walk([model], "upstream")]
    assert ancestors == [
        (0, "Model"), (1, "Examples"), (2, "Examples"), (2, "components.Vocabulary"),
    ]  # fmt: skip
    assert [d for d, _ in graph.walk([model], "upstream", depth=1)] == [0, 1]


def test_descendants_of_a_text_are_found_in_all_runs(graph: Graph, history: History) -> None:
    documents = output(graph, node(graph, history.first, "TextExampleGen"), "examples")
    led_to = [a for _, a in graph.walk([documents], "downstream")]
    assert sum(a.type_name == "Model" for a in led_to) == 2, "of the first run and the changed one"
    assert sum(a.type_name == "PushedModel" for a in led_to) == 2
    assert len({a.id for a in led_to}) == len(led_to)


def test_a_resolver_produces_no_artifact(graph: Graph, history: History) -> None:
    resolver = node(graph, history.changed, "LatestBlessedModel")
    first_model = output(graph, node(graph, history.first, "Trainer"), "model")
    edges = {edge.key: edge for edge in graph.outputs(resolver.id)}
    assert edges["model"].artifact == first_model
    assert {edge.kind for edge in edges.values()} == {"found"}
    producer = graph.producer(first_model)
    assert producer is not None
    assert producer.node_id == "Trainer"


def test_failed_and_killed_nodes_have_different_states(graph: Graph, history: History) -> None:
    assert node(graph, history.failed, "Trainer").state == "failed"
    assert node(graph, history.killed, "Trainer").state == "interrupted"
    assert "Pusher" not in graph.of_run(history.failed)
