"""A run of a compiled spec that was killed is completed by the same command, to the same bytes."""

import signal
from pathlib import Path

import pytest

from core.exit import FAILED, SUCCEEDED
from pipelines.local.demo_text import write_demo_text
from tests.faults.lane import FULL, TOP, Ended, Lane
from tests.faults.results import false_claims, finished_nodes, last_summary, results
from tests.pipelines.spec_runner.conftest import compile_tiny

Results = dict[str, str]
# Outputs that hold times or the names of runs, or that say which model was blessed before.
OF_THE_MOMENT = ("RunRecord/", "LatestBlessedModel")
# Once a model is blessed, the resolver finds it in the next run, and what asks the resolver or
# follows from it is made again.
AFTER_A_BLESSING = {
    "LatestBlessedModel-blessing", "LatestBlessedModel", "ModelEvaluator", "ModelCardGen", "Pusher",
}  # fmt: skip
COLD_SECONDS = 1800  # seventeen tasks, each of which loads TFX, and a minute before a retry

pytestmark = pytest.mark.timeout(1200)


@pytest.fixture(scope="module")
def spec(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The compiled tiny recipe."""
    return compile_tiny(tmp_path_factory.mktemp("spec"))


def run_spec(lane: Lane, spec: Path, **faults: str) -> Ended:
    words = ("run-spec", str(spec), "--text", str(lane.text), "--workdir", str(lane.workdir))
    return lane.run(command=(*words, "--warm", "--no-retry"), **faults)


def made(workdir: Path) -> Results:
    """Return the digests of what does not depend on the moment."""
    digests = results(workdir)
    return {name: d for name, d in digests.items() if not name.startswith(OF_THE_MOMENT)}


@pytest.fixture(scope="module")
def undisturbed_spec(lane: Lane, spec: Path) -> Results:
    """The results of a run that nothing disturbed."""
    lane.restore(None)
    ended = run_spec(lane, spec)
    assert ended.code == SUCCEEDED, ended.output
    return made(lane.workdir)


full = pytest.mark.skipif(not FULL, reason="make faults FULL=1: it takes minutes")


# The failpoint, and whether it is passed by a task or by `run-spec` itself.
@pytest.mark.parametrize(
    ("failpoint", "killed"),
    [
        pytest.param("before-publish:3:KILL", "run-spec", id="before-ml-metadata"),
        pytest.param("save-checkpoint:2:KILL", "task", id="saving-a-checkpoint"),
        pytest.param("write-shard:2:KILL", "task", id="writing-a-shard", marks=full),
        pytest.param("before-manifest:1:KILL", "task", id="before-the-manifest", marks=full),
        pytest.param("before-export:1:KILL", "task", id="before-the-export", marks=full),
        pytest.param("copy-published:1:KILL", "task", id="publishing", marks=full),
        pytest.param("before-publish:12:KILL", "run-spec", id="after-training", marks=full),
    ],
)
def test_a_killed_run_of_a_spec_is_completed_by_the_same_command(
    lane: Lane, spec: Path, undisturbed_spec: Results, failpoint: str, killed: str
) -> None:
    lane.restore(None)
    flag = lane.root / "spec-flag"
    flag.unlink(missing_ok=True)
    ended = run_spec(lane, spec, failpoint=failpoint, flag=str(flag))
    assert flag.exists(), ended.output
    assert ended.code == (-signal.SIGKILL if killed == "run-spec" else FAILED), ended.output
    assert false_claims(lane.workdir) == []
    finished = finished_nodes(lane.workdir)
    again = run_spec(lane, spec)
    assert again.code == SUCCEEDED, again.output
    assert made(lane.workdir) == undisturbed_spec
    ran = {n["node"] for n in last_summary(lane.workdir)["nodes"] if n["state"] == "ran"}
    # The record of a run is written by each run.
    is_blessed = "ModelEvaluator" in finished
    assert finished & ran <= {"RunRecord"} | (AFTER_A_BLESSING if is_blessed else set())
    assert false_claims(lane.workdir) == []


@full
@pytest.mark.timeout(2 * COLD_SECONDS)
def test_the_shipped_spec_runs_cold_and_retries_a_killed_task(lane: Lane, tmp_path: Path) -> None:
    """As a user tries pipeline.yaml: each task loads TFX, and is retried after a minute."""
    write_demo_text(tmp_path)
    (demo,) = tmp_path.iterdir()
    sentences = [line for line in demo.read_text(encoding="utf-8").splitlines() if line.strip()]
    # The recipe holds out 0.5 % of the documents, so there have to be many.
    documents = ["\n".join(sentences[n : n + 3]) for n in range(0, len(sentences), 3)]
    text = tmp_path / "text"
    text.mkdir()
    (text / "a.txt").write_text("\n\n".join(documents), encoding="utf-8")
    sizes = ("model_size=tiny", "steps=20", "warmup_steps=5", "global_batch_size=8")
    parameters = [word for size in sizes for word in ("--param", size)]
    places = ("--text", str(text), "--workdir", str(tmp_path / "work"))
    command = ("run-spec", str(TOP / "pipeline.yaml"), *places, *parameters)
    flag = tmp_path / "flag"
    killed_once = {"failpoint": "save-checkpoint:1:KILL", "flag": str(flag)}
    ended = lane.start(command=command, **killed_once).wait(COLD_SECONDS)
    assert ended.code == SUCCEEDED, ended.output
    assert flag.exists(), "the training was killed once"
    # After 20 steps the model is no better than chance, and is not published.
    assert {node["state"] for node in last_summary(tmp_path / "work")["nodes"]} == {"ran"}
    assert list((tmp_path / "work/artifacts").glob("vertex/Trainer/model/*/*/manifest.json"))
    assert lane.start(command=command).wait(COLD_SECONDS).code == SUCCEEDED
    states = {node["node"]: node["state"] for node in last_summary(tmp_path / "work")["nodes"]}
    assert {node for node, state in states.items() if state == "ran"} <= {"RunRecord"}
