"""On Vertex AI, the driver resolves the span and writes the digest of the text."""

import json
from pathlib import Path
from typing import Any

import pytest
from google.protobuf import json_format
from kfp.pipeline_spec import pipeline_spec_pb2
from tfx.orchestration.kubeflow.v2.file_based_example_gen import driver as tfx_driver

from components.text_example_gen import vertex_driver
from components.text_example_gen.component import TextExampleGen
from components.text_example_gen.executor import TextExampleGenExecutor
from components.text_example_gen.reading.errors import CorpusError
from components.text_settings import TextSettings

INTEGERS = ("output_data_format", "output_file_format")


def properties(root: Path, pattern: str, span: str = "newest") -> dict[str, Any]:
    """The properties of the spec's task, as Vertex AI passes them."""
    from google.protobuf import message

    component = TextExampleGen(
        input_base=str(root),
        patterns=[pattern],
        text_settings=TextSettings(eval_fraction=0.4).model_dump_json(),
        code_digest="code",
    )
    inputs = {k: v for k, v in component.exec_properties.items() if v is not None}
    plain = {
        key: json_format.MessageToJson(value) if isinstance(value, message.Message) else value
        for key, value in inputs.items()
    }
    return {**plain, "text_span": span}


def call(root: Path, folder: Path, pattern: str, span: str = "newest") -> dict[str, Any]:
    """Run the driver with its command-line flags; return its output."""
    inputs = properties(root, pattern, span)
    artifact = {"name": "projects/1/locations/r/metadataStores/default/artifacts/3",
                "uri": str(folder / "examples"),
                "type": {"instanceSchema": "title: tfx.Examples\ntype: object\n"}}  # fmt: skip
    executor_input = {
        "inputs": {"parameterValues": inputs},
        "outputs": {
            "artifacts": {"examples": {"artifacts": [artifact]}},
            "outputFile": str(folder / "executor_output.json"),
        },
    }
    kinds = {k: "NUMBER_INTEGER" if k in INTEGERS else "STRING" for k in inputs}
    types = {"parameters": {k: {"parameterType": kind} for k, kind in kinds.items()}}
    flags = ["driver", "--json_serialized_invocation_args", json.dumps(executor_input),
             "--json_serialized_inputs_spec_args", json.dumps(types), "--runner=x"]  # fmt: skip
    vertex_driver.main(tfx_driver._parse_flags(flags))
    written: dict[str, Any] = json.loads((folder / "executor_output.json").read_text())
    json_format.ParseDict(written, pipeline_spec_pb2.ExecutorOutput())
    return written


@pytest.fixture
def weeks(tmp_path: Path) -> Path:
    for week in (1, 3):
        folder = tmp_path / "text" / f"week-{week}"
        folder.mkdir(parents=True)
        text = "".join(f"Sentence {n} of week {week}.\nAnd one more.\n\n" for n in range(9))
        (folder / "a.txt").write_text(text, encoding="utf-8")
    return tmp_path / "text"


@pytest.mark.parametrize(("span", "taken"), [("newest", 3), ("1", 1)])
def test_the_span_is_resolved_before_the_cache_lookup(
    weeks: Path, tmp_path: Path, span: str, taken: int
) -> None:
    written = call(weeks, tmp_path / "out", "week-{SPAN}/*.txt", span)
    values = written["parameterValues"]
    assert values["span"] == taken
    assert json.loads(values["input_config"])["splits"][0]["pattern"] == f"week-{taken}/*.txt"
    assert values["input_fingerprint"].startswith("sha256:")
    metadata = written["artifacts"]["examples"]["artifacts"][0]["metadata"]
    assert metadata["custom:span"] == taken  # TFX's name: Examples have a property span as well
    assert metadata["input_fingerprint"] == values["input_fingerprint"]


def test_the_cache_key_depends_on_content_and_not_on_time(weeks: Path, tmp_path: Path) -> None:
    def fingerprint(number: int) -> str:
        written = call(weeks, tmp_path / f"out-{number}", "week-3/*.txt")
        return str(written["parameterValues"]["input_fingerprint"])

    file = weeks / "week-3" / "a.txt"
    first = fingerprint(1)
    file.touch()
    assert fingerprint(2) == first
    file.write_bytes(file.read_bytes().replace(b"more", b"less"))
    assert fingerprint(3) != first


@pytest.mark.parametrize("span", ["2", "last", "-1"])
def test_a_missing_span_is_refused(weeks: Path, tmp_path: Path, span: str) -> None:
    with pytest.raises(CorpusError, match=r"span|No file"):
        call(weeks, tmp_path / "out", "week-{SPAN}/*.txt", span)


def test_without_a_driver_the_executor_resolves_the_span(weeks: Path, tmp_path: Path) -> None:
    """Kubeflow Pipelines runs no driver."""
    from tfx.types import standard_artifacts

    examples = standard_artifacts.Examples()
    examples.uri = str(tmp_path / "examples")
    inputs = properties(weeks, "week-{SPAN}/*.txt")
    TextExampleGenExecutor().Do({}, {"examples": [examples]}, inputs)
    manifest = json.loads((tmp_path / "examples" / "manifest.json").read_text())
    assert manifest["facts"]["span"] == 3
