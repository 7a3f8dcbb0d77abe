"""Exported OpenLineage events match their schemas, and the JSON graph is complete."""

import json
import threading
from collections import Counter
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator, FormatChecker
from referencing import Registry, Resource
from typer.testing import CliRunner

from core.errors import InputError
from pipelines.cli import app
from tests.pipelines.lineage.conftest import History
from tests.pipelines.lineage.mill import Mill

SCHEMAS = Path(__file__).parents[2] / "data" / "openlineage"
Event = dict[str, Any]


def textmill(*words: str, workdir: Path) -> str:
    command = ["lineage", "export", *words, "--workdir", str(workdir)]
    result = CliRunner().invoke(app, command, catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.stdout


def events_of(workdir: Path, *words: str) -> list[Event]:
    return [json.loads(line) for line in textmill(*words, workdir=workdir).splitlines()]


def schema_registry() -> Registry:
    """Return OpenLineage's schemas by id."""
    files = SCHEMAS.rglob("*.json")
    contents = [json.loads(path.read_text(encoding="utf-8")) for path in files]
    return Registry().with_resources(
        (content["$id"], Resource.from_contents(content)) for content in contents
    )


@pytest.fixture(scope="module")
def registry() -> Registry:
    return schema_registry()


def check(event: Event, registry: Registry) -> None:
    """Validate an event against the schema that it names, and each facet against its own."""
    _validate(event, event["schemaURL"], registry)
    for facet in _facets(event):
        _validate(facet, facet["_schemaURL"], registry)


def _validate(content: Any, schema_url: str, registry: Registry) -> None:
    validator = Draft202012Validator(
        {"$ref": schema_url}, registry=registry, format_checker=FormatChecker()
    )
    errors = [f"{schema_url}: {error.message}" for error in validator.iter_errors(content)]
    assert not errors, errors


def _facets(value: Any) -> Iterator[Any]:
    if isinstance(value, dict):
        if "_schemaURL" in value:
            yield value
        for inner in value.values():
            yield from _facets(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _facets(inner)


def test_every_event_and_facet_matches_its_schema(history: History, registry: Registry) -> None:
    events = events_of(history.workdir)
    for event in events:
        check(event, registry)
    assert sum(1 for event in events for _ in _facets(event)) > 200
    del events[0]["run"]["runId"]
    with pytest.raises(AssertionError, match="'runId' is a required property"):
        check(events[0], registry)


def test_each_run_and_node_starts_once_and_ends_once(history: History) -> None:
    events = events_of(history.workdir)
    kinds: dict[str, list[str]] = {}
    for event in events:
        kinds.setdefault(event["run"]["runId"], []).append(event["eventType"])
    assert {tuple(answer) for answer in kinds.values()} == {
        ("START", "COMPLETE"), ("START", "FAIL"), ("START", "ABORT"),
    }  # fmt: skip
    endings = Counter(e["eventType"] for e in events if "." not in e["job"]["name"])
    assert endings == {"START": 6, "COMPLETE": 4, "FAIL": 1, "ABORT": 1}
    assert "out of luck" in json.dumps([e for e in events if e["eventType"] == "FAIL"])


def test_a_model_is_followed_to_its_text_by_the_events_alone(history: History) -> None:
    events = events_of(history.workdir)
    written = {
        (out["namespace"], out["name"]): event
        for event in events if event["eventType"] == "COMPLETE"
        for out in event.get("outputs", ())
    }  # fmt: skip
    place = ("file", str(history.workdir / "published" / "tiny" / "1800000001"))
    jobs = []
    while place in written:
        event = written[place]
        jobs.append(event["job"]["name"])
        (place, *_) = [(i["namespace"], i["name"]) for i in event["inputs"] if _leads_on(i)]
    assert jobs == ["tiny.Pusher", "tiny.Trainer", "tiny.InstanceGen", "tiny.TextExampleGen"]
    assert place == ("file", "/text")


def _leads_on(dataset: Event) -> bool:
    kind = dataset["facets"]["datasetType"]["subType"]
    return kind in {"MODEL", "INSTANCES", "DOCUMENTS", "TEXT"}


def test_a_cached_node_gives_no_event_and_its_run_names_the_source(history: History) -> None:
    events = events_of(history.workdir, history.repeated)
    assert [event["job"]["name"] for event in events] == ["tiny", "tiny"]
    tags = {tag["key"]: tag["value"] for tag in events[0]["run"]["facets"]["tags"]["tags"]}
    assert tags["reused.Trainer"] == history.changed
    assert tags["reused.TextExampleGen"] == history.first


def test_a_second_export_repeats_the_first(history: History, tmp_path: Path) -> None:
    for name in ("a", "b"):
        textmill("-o", str(tmp_path / name), workdir=history.workdir)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_a_warm_start_reads_its_parent(tmp_path: Path) -> None:
    mill = Mill(tmp_path)
    mill.run()
    start = f"{tmp_path}/published/tiny/1800000000/transformers"
    child = mill.run(start_from=start)
    events = events_of(tmp_path, child)
    (trained,) = [e for e in events if e["job"]["name"] == "tiny.Trainer"
                  and e["eventType"] == "COMPLETE"]  # fmt: skip
    assert f"{tmp_path}/artifacts/tiny/Trainer/model/6" in {d["name"] for d in trained["inputs"]}


def test_the_client_sends_the_events_to_a_system(
    history: History, monkeypatch: pytest.MonkeyPatch, registry: Registry
) -> None:
    received: list[Event] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            received.append(json.loads(body))
            self.send_response(201)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    monkeypatch.setenv("OPENLINEAGE_URL", f"http://127.0.0.1:{server.server_address[1]}")
    answer = textmill(history.first, "--send", workdir=history.workdir)
    server.shutdown()
    assert answer == f"Sent {len(received)} events of 1 run.\n"
    for event in received:  # the client adds a tag with its own version
        check(event, registry)
    expected = events_of(history.workdir, history.first)
    for part in ("eventType", "job", "inputs", "outputs"):
        assert [event[part] for event in received] == [event[part] for event in expected]


def test_the_json_graph_holds_all_ancestors_of_a_model(history: History) -> None:
    answer = json.loads(textmill(history.repeated, "--json", workdir=history.workdir))
    assert answer["format"] == "textmill-lineage/1"
    (run,) = answer["runs"]
    assert run["run"] == history.repeated
    runs = {execution["run_id"] for execution in answer["executions"]}
    assert runs == {history.first, history.changed, history.repeated}, "and who made it"
    (trainer,) = [e for e in answer["executions"]
                  if e["node_id"] == "Trainer" and e["run_id"] == history.changed]  # fmt: skip
    assert trainer["settings"]["trainer.learning_rate"] == 5e-4
    numbers = {artifact["id"] for artifact in answer["artifacts"]}
    assert {edge["artifact"] for edge in answer["edges"]} == numbers
    everything = json.loads(textmill("--json", workdir=history.workdir))
    assert len(everything["runs"]) == 6


def test_sending_cannot_be_combined_with_an_output_file(history: History) -> None:
    with pytest.raises(InputError, match="--send"):
        textmill("--send", "--json", workdir=history.workdir)


@pytest.mark.parametrize("disabled", ["", "true"])
def test_sending_to_nowhere_is_an_error(
    history: History, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, disabled: str
) -> None:
    monkeypatch.chdir(tmp_path)  # which has no openlineage.yml
    monkeypatch.delenv("OPENLINEAGE_URL", raising=False)
    monkeypatch.setenv("OPENLINEAGE_DISABLED", disabled)
    with pytest.raises(InputError, match=r"no system is configured.*Set OPENLINEAGE_URL"):
        textmill(history.first, "--send", workdir=history.workdir)
