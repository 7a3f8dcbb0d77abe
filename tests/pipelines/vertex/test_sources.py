"""The text of a run is looked at before it is submitted; two sources are executed, too."""

import json
from pathlib import Path

import pytest

from core.exit import FAILED, INPUT_ERROR, SUCCEEDED
from pipelines.spec_runner.command import Options, run_spec
from tests.pipelines.spec_runner.conftest import REAL_TEXT, compile_tiny
from tests.pipelines.spec_runner.small_specs import last_summary
from tests.pipelines.vertex.conftest import TEXT, TEXT_BUCKET, Textmill
from tests.vertex_server import VertexServer
from tests.vertex_server.resources import dump

ROOT = f"gs://{TEXT_BUCKET}/all"
MANUAL, WEB = f"{TEXT_BUCKET}/all/manual/3/a.txt", f"{TEXT_BUCKET}/all/web/3/b.txt"
SOURCES = [
    {"name": "manual", "path": f"{ROOT}/manual/{{SPAN}}/[a-z]*.txt"},
    {"name": "web", "path": f"{ROOT}/web/{{SPAN}}", "repeat": 2},
]


@pytest.fixture(scope="module")
def two_sources(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Return the compiled spec of a recipe with two sources."""
    return str(compile_tiny(tmp_path_factory.mktemp("sources"), text={"sources": SOURCES}))


@pytest.fixture
def uploaded(server: VertexServer) -> VertexServer:
    """Return the server, with both sources in its bucket."""
    server.objects |= {MANUAL: 1_000_000, WEB: 2_000_000}
    server.objects[f"{TEXT_BUCKET}/all/web/3/_SUCCESS"] = 0
    server.objects[f"{TEXT_BUCKET}/all/web/3/.DS_Store"] = 6148
    server.contents[f"{TEXT_BUCKET}/all/web/3/.DS_Store"] = "%PDF-1.7"  # no run reads it
    return server


def test_the_doctor_finds_the_text_of_both(
    uploaded: VertexServer, textmill: Textmill, two_sources: str
) -> None:
    checks = json.loads(textmill("doctor", two_sources, "--json").out)
    (text,) = [check for check in checks if check["name"] == "text"]
    assert text["state"] == "ok"
    assert "3 files of span 3, 3 MB" in text["told"]


@pytest.mark.parametrize(
    ("objects", "contents", "message"),
    [
        ({}, {WEB: "<!doctype html>"}, "web/3/b.txt: looks like HTML, not text"),
        ({WEB.replace("3", "4"): 1}, {}, "the newest spans of the sources differ: 3, 4. Upload"),
        ({MANUAL: 0, WEB: 0}, {}, "all: 3 files without a single sentence"),
    ],
)
def test_a_run_without_the_text_of_both_is_not_started(
    uploaded: VertexServer,
    textmill: Textmill,
    two_sources: str,
    objects: dict[str, int],
    contents: dict[str, str],
    message: str,
) -> None:
    uploaded.objects |= objects
    uploaded.contents |= contents
    ended = textmill("submit", two_sources)
    assert ended.code == INPUT_ERROR
    assert message in ended.err
    uploaded.objects.pop(MANUAL)
    assert textmill("doctor", two_sources).code == FAILED
    assert f"no file matches {ROOT}/manual/" in textmill("submit", two_sources).err
    assert not uploaded.pipeline_jobs


def test_a_span_beside_other_patterns_is_refused(
    server: VertexServer, textmill: Textmill, spec: str
) -> None:
    ended = textmill("submit", spec, *TEXT, "--param", "text_pattern=old.md,week-{SPAN}/*")
    assert ended.code == INPUT_ERROR
    assert "There are several patterns and one contains a span: old.md, week-{SPAN}/*." in ended.err
    assert not server.pipeline_jobs


def test_text_that_only_the_run_may_read_is_not_checked(
    server: VertexServer, textmill: Textmill, spec: str
) -> None:
    server.buckets[TEXT_BUCKET].permissions -= {"storage.objects.get"}
    ended = textmill("submit", spec, *TEXT)
    assert ended.code == SUCCEEDED
    assert "warning: the text is not checked. Cannot read the text: " in ended.err
    assert "storage.objects.get" in ended.err
    assert len(server.pipeline_jobs) == 1


@pytest.mark.slow
def test_a_submitted_run_makes_instances_of_both(
    uploaded: VertexServer, textmill: Textmill, two_sources: str, tmp_path: Path
) -> None:
    assert textmill("submit", two_sources).code == SUCCEEDED
    (job,) = map(dump, uploaded.pipeline_jobs.values())
    dag = job["pipelineSpec"]["components"]["tfx-dag"]["dag"]
    kept = ("TextExampleGen", "VocabularyGen", "InstanceGen")
    dag["tasks"] = {name: dag["tasks"][name] for name in kept}
    for task in dag["tasks"].values():
        before = task.get("dependentTasks", ())
        task["dependentTasks"] = [name for name in before if name in kept]
    (tmp_path / "job.json").write_text(json.dumps(job), encoding="utf-8")
    documents = REAL_TEXT.read_text(encoding="utf-8").split("\n\n")
    for number, name in enumerate(("manual/3/a.txt", "web/3/b.txt")):
        path = tmp_path / "text" / name
        path.parent.mkdir(parents=True)
        path.write_text("\n\n".join(documents[number::2]), encoding="utf-8")
    options = Options(maps=[f"{ROOT}={tmp_path / 'text'}"], warm=True, retry=False)
    workdir = tmp_path / "w"
    assert run_spec(str(tmp_path / "job.json"), workdir=str(workdir), options=options) == SUCCEEDED
    counts = {node["node"]: node["counts"] for node in last_summary(workdir)["nodes"]}
    assert counts["TextExampleGen"]["examples"]["facts"]["span"] == 3
    of_train = counts["InstanceGen"]["instances"]["counts"]["train"]
    assert of_train["instances_of_web"] > 1.5 * of_train["instances_of_manual"]
