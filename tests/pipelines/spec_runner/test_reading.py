"""Parameters, buckets, conditions and filters are parsed, or refused with a reason."""

from pathlib import Path
from typing import Any

import pytest
from google.protobuf import json_format
from hypothesis import given
from hypothesis import strategies as st
from kfp.pipeline_spec import pipeline_spec_pb2 as pb

from core.errors import InputError
from pipelines.metadata.live_artifacts import ArtifactType, LiveArtifact
from pipelines.spec_runner.spec.buckets import Buckets, parse_mappings
from pipelines.spec_runner.spec.condition import parse_condition, parse_filter
from pipelines.spec_runner.spec.errors import SpecError
from pipelines.spec_runner.spec.parameters import resolve_parameters


def definitions(**parameters: Any) -> Any:
    content = {"parameters": parameters}
    return json_format.ParseDict(content, pb.ComponentInputsSpec()).parameters


KNOWN = definitions(
    steps={"parameterType": "NUMBER_INTEGER", "defaultValue": 6},
    learning_rate={"parameterType": "NUMBER_DOUBLE", "defaultValue": 0.001},
    name={"parameterType": "STRING", "description": "Of the model."},
    names={"parameterType": "LIST", "isOptional": True},
    project={"parameterType": "STRING"},
)


def test_arguments_override_the_values_of_the_file_and_the_defaults() -> None:
    given_ = ["steps=8", "name=a=b", 'names=["x"]']
    values = resolve_parameters(KNOWN, given_, {"learning_rate": 0.5}, {"project": "local"})
    assert values == {
        "steps": 8, "learning_rate": 0.5, "name": "a=b", "names": ["x"], "project": "local",
    }  # fmt: skip
    assert isinstance(values["steps"], int)


@pytest.mark.parametrize("text", ["1e6", "1_000_000", "1.0e+6"])
def test_an_integer_may_be_written_in_every_usual_form(text: str) -> None:
    values = resolve_parameters(KNOWN, [f"steps={text}", "name=a", "project=p"], {}, {})
    assert values["steps"] == 1_000_000
    assert isinstance(values["steps"], int)


@pytest.mark.parametrize(
    ("given_", "expected"),
    [
        (["stepz=8", "name=a"], r"stepz: the pipeline has no such parameter. Did you mean steps\?"),
        (["steps=8.5", "name=a"], "not a whole number"),
        (["learning_rate=fast", "name=a"], "not a number"),
        (["names={}", "name=a"], "not a list in JSON"),
        (["name"], "write it as name=value"),
        ([], r"Missing parameters: name \(Of the model.\)"),
    ],
)
def test_a_wrong_parameter_is_reported_with_its_remedy(given_: list[str], expected: str) -> None:
    with pytest.raises(InputError, match=expected):
        resolve_parameters(KNOWN, given_, {}, {"project": "local"})


def test_buckets_become_folders_and_the_longest_mapping_wins() -> None:
    maps = ["gs://text/corpus=/data/corpus", "gs://text/corpus/new=/data/new/"]
    buckets = Buckets(Path("/w/gs"), parse_mappings(maps))
    expected = {
        "gs://text/corpus/a.txt": "/data/corpus/a.txt",
        "gs://text/corpus": "/data/corpus",
        "gs://text/corpus2/a.txt": "/w/gs/text/corpus2/a.txt",
        "gs://text/corpus/new/a.txt": "/data/new/a.txt",
        "gs://text/corpus/newest/a.txt": "/data/corpus/newest/a.txt",
        "gs://my-bucket": "/w/gs/my-bucket",
        "/gcs/my-bucket/x": "/w/gs/my-bucket/x",
        "--flag=/gcs/my-bucket/x": "--flag=/w/gs/my-bucket/x",
        '{"a": "gs://my-bucket/x", "b": ["gs://text/corpus"]}':
            '{"a": "/w/gs/my-bucket/x", "b": ["/data/corpus"]}',
        "/home/gcs/my-bucket": "/home/gcs/my-bucket",
    }  # fmt: skip
    assert {text: buckets.localize(text) for text in expected} == expected
    assert buckets.localize_all({"a": ["gs://b-1/x", 1]}) == {"a": ["/w/gs/b-1/x", 1]}


@given(st.text(max_size=60).filter(lambda text: "gs://" not in text and "/gcs/" not in text))
def test_a_text_without_a_bucket_is_unchanged(text: str) -> None:
    assert Buckets(Path("/w")).localize(text) == text


def test_a_malformed_mapping_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for text in ("bucket=/x", "gs://bucket", "gs://=/x", f"gs://bucket={tmp_path}/file"):
        with pytest.raises(SpecError, match="--map"):
            parse_mappings([text])


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("inputs.parameter_values['flip'] == 'heads'", True),
        ("inputs.parameter_values['flip'] != 'heads'", False),
        ("int(inputs.parameter_values['n']) > 3 && !(inputs.parameter_values['n'] == '4')", False),
        ("double(inputs.parameter_values['n']) >= 3.5 || false", True),
        ("inputs.artifacts['b'].artifacts[0].metadata['blessed'] == 1.0", True),
        ("(inputs.artifacts['b'].artifacts[0].uri == '/x\\'y')", True),
        ("true && 1.0 < 2 && 'a' < \"b\"", True),
        ("!false == true", True),
        ("!(1 < 2) || -1 < 0", True),
        ("'a && !b' == 'a && !b'", True),
    ],
)
def test_conditions(text: str, expected: bool) -> None:
    tree = {
        "inputs": {
            "parameter_values": {"flip": "heads", "n": "4"},
            "artifacts": {"b": {"artifacts": [{"uri": "/x'y", "metadata": {"blessed": 1}}]}},
        }
    }
    assert parse_condition(text)(tree) is expected


@pytest.mark.parametrize(
    "text",
    [
        "", "1 +", "1 < 2 < 3", "inputs.x + 1", "__import__('os')", "size(inputs) > 1",
        "inputs.x == [1]", "a == 1", "(true", "inputs.",
    ],
)  # fmt: skip
def test_a_condition_that_cannot_be_read_is_refused(text: str) -> None:
    with pytest.raises(SpecError, match="cannot be read"):
        parse_condition(text)


def test_filters_of_resolvers() -> None:
    kind = ArtifactType({}, "tfx.ModelBlessing", {})
    blessing = LiveArtifact(7, kind, "/b", {"blessed": 1, "of": "x"})
    for text, fits in {
        'schema_title="tfx.ModelBlessing" AND state=LIVE AND metadata.blessed.number_value=1': True,
        "state=LIVE AND metadata.blessed.number_value=0": False,
        'metadata.of.string_value="x"': True,
        'name="projects/local/locations/local/metadataStores/default/artifacts/7"': True,
        'schema_title="tfx.Model"': False,
    }.items():
        assert parse_filter(text)(blessing) is fits, text
    with pytest.raises(SpecError, match="does not support"):
        parse_filter('create_time > "2026"')
