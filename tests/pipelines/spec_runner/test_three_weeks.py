"""Three weeks of a schedule: new text arrives, and only a better model is published.

The command line makes the schedule on a server that speaks Vertex AI's REST. The spec runner
executes each job that the schedule starts.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from google.cloud import aiplatform_v1 as v1

from core.exit import SUCCEEDED
from core.manifest import Manifest, read_manifest
from pipelines.metadata.archive import Archive
from pipelines.spec_runner.command import Options, run_spec
from tests.pipelines.spec_runner.conftest import REAL_TEXT, compile_tiny
from tests.pipelines.spec_runner.small_specs import last_summary
from tests.pipelines.vertex.conftest import Textmill, server, textmill
from tests.vertex_server import VertexServer
from tests.vertex_server.resources import dump
from tests.vertex_server.schedules import fire
from trainer.warm_start.digests import start_digest

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(1200),
    pytest.mark.usefixtures("forked_warm"),
]
__all__ = ["server", "textmill"]  # fixtures
TEXT_ROOT = "gs://acme-nlp-text/news"
# Enough steps to learn something; only a better model is published.
WEEKLY: dict[str, dict[str, object]] = {
    "model": {"start_from": "latest_blessed"},
    "vocabulary": {"import_from": "latest_blessed"},
    "trainer": {
        "steps": 60, "learning_rate": 0.01, "warmup_steps": 5,
        "steps_per_loop": 20, "log_every_steps": 20, "save_every_steps": 60,
    },
    "evaluation": {"min_gain_over_unigram": -10.0, "max_loss_increase": 0.0},
}  # fmt: skip


def spans() -> Iterator[str]:
    """Split the documents of a real text into three."""
    documents = REAL_TEXT.read_text(encoding="utf-8").split("\n\n")
    for number in range(3):
        yield "\n\n".join(documents[number::3])


def run_job(job: v1.PipelineJob, folder: Path, text: Path) -> dict[str, Any]:
    """Run a job that a schedule started; return its summary."""
    path = folder / f"{job.name.rpartition('/')[2]}.json"
    path.write_text(json.dumps(dump(job)), encoding="utf-8")
    options = Options(maps=[f"{TEXT_ROOT}={text}"], warm=True, retry=False)
    assert run_spec(str(path), workdir=str(folder / "w"), options=options) == SUCCEEDED
    job.state = v1.PipelineState.PIPELINE_STATE_SUCCEEDED
    return last_summary(folder / "w")


def model_of(summary: dict[str, Any]) -> Path:
    nodes = {node["node"]: node for node in summary["nodes"]}
    return Path(nodes["Trainer"]["artifacts"]["model"], "Format-Serving")


def recorded(summary: dict[str, Any], node_id: str, key: str) -> Any:
    (node,) = [node for node in summary["nodes"] if node["node"] == node_id]
    return node["counts"][key]


def test_weekly_runs_continue_from_the_best_model_and_publish_only_a_better_one(
    server: VertexServer, textmill: Textmill, tmp_path: Path
) -> None:
    spec = str(compile_tiny(tmp_path, **WEEKLY))
    given = ["--param", f"text_root={TEXT_ROOT}", "--param", "text_pattern=week-{SPAN}/*.txt"]
    created = textmill(
        "schedule", "create", spec, *given, "--cron", "0 3 * * 1", "--name", "weekly"
    )
    assert created.code == SUCCEEDED, created.output
    ((name, _),) = server.schedules.items()
    text = tmp_path / "text"
    published = tmp_path / "w/gs/acme-nlp-textmill/weekly/published/tiny"
    manifests: list[Manifest] = []
    summaries = []
    for week, content in enumerate(spans(), start=1):
        (text / f"week-{week}").mkdir(parents=True)
        (text / f"week-{week}" / "a.txt").write_text(content, encoding="utf-8")
        if week == 3:  # a change for the worse
            bad = [*given, "--param", "learning_rate=0.1"]
            updated = textmill("schedule", "update", "weekly", "--spec", spec, *bad)
            assert updated.code == SUCCEEDED, updated.output
        job = fire(server, name)
        assert job is not None
        summaries.append(run_job(job, tmp_path, text))
        manifests.append(read_manifest(str(model_of(summaries[-1]))))

    assert [recorded(s, "TextExampleGen", "examples")["facts"]["span"] for s in summaries] == [
        1,
        2,
        3,
    ]
    assert [recorded(s, "ModelEvaluator", "evaluation")["blessed"] for s in summaries] == [
        True, True, False,
    ]  # fmt: skip
    versions = [v for v in sorted(published.iterdir()) if v.is_dir()]
    assert [read_manifest(str(v)).facts["model_digest"] for v in versions] == [
        manifest.content_digest() for manifest in manifests[:2]
    ]
    assert json.loads((published / "latest.json").read_text())["version"] == versions[1].name

    # Each week starts from the weights and the vocabulary of the latest blessed model.
    first, second, _ = (model_of(summary) for summary in summaries)
    digests = [manifest.facts["start_digest"] for manifest in manifests]
    assert digests == [None, start_digest(str(first)), start_digest(str(second))]
    assert len({manifest.facts["vocabulary_digest"] for manifest in manifests}) == 1
    for manifest in manifests:
        assert str(tmp_path) not in manifest.model_dump_json(), "no path is published"
    reasons = recorded(summaries[2], "ModelEvaluator", "evaluation")["reasons"]
    assert any("from the latest blessed model's" in reason for reason in reasons)
    archive = Archive(tmp_path / "w")
    assert [run.id for run in archive.graph.runs.values()] == [s["run_id"] for s in summaries]
