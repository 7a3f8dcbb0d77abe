"""The demo with everything on an object store."""

import json
import signal
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from components.publisher import versions
from core import failpoints
from core.exit import FAILED, SUCCEEDED
from core.gcs.requests import TIMEOUT_VARIABLE
from pipelines.lineage.verify.garbage import delete_orphans, find_orphans
from pipelines.lineage.verify.verify import verify
from pipelines.local.demo_text import write_demo_text
from pipelines.metadata.archive import Archive
from tests.forked_runs import Running, Start
from tests.object_store.conftest import reach
from tests.object_store.proxy import STATUS_FAULTS, Faults
from tests.object_store.server import BUCKET, ObjectStore, object_store

pytestmark = pytest.mark.slow

SETTINGS = (
    "evaluation.min_gain_over_unigram=-100", "trainer.steps=60", "trainer.warmup_steps=5",
    "trainer.steps_per_loop=10", "trainer.log_every_steps=20", "trainer.save_every_steps=20",
    "trainer.global_batch_size=8",
)  # fmt: skip
MOST_REQUESTS = 500
ATTEMPTS = 4
SHARDS = ("TextExampleGen/examples/*/Split-*/*.gz", "InstanceGen/instances/*/Split-*/*.gz")


@dataclass(frozen=True)
class Demo:
    """Runs of the demo in one local folder, against one object store."""

    folder: Path
    store: ObjectStore

    def run(
        self, name: str, *more: str, code: int | None = SUCCEEDED, **environment: str
    ) -> dict[str, Any]:
        """Run the demo in a workdir with its root on the object store; return the summary."""
        text = ("--text", f"gs://{BUCKET}/corpus", "--root", f"gs://{BUCKET}/{name}")
        return self.run_with(name, *text, *more, code=code, **environment)

    def run_with(
        self, name: str, *arguments: str, code: int | None = SUCCEEDED, **environment: str
    ) -> dict[str, Any]:
        """Run the demo in a workdir, check the exit code, and return the summary."""
        settings = [part for setting in SETTINGS for part in ("--set", setting)]
        words = ("run", "demo", "--workdir", str(self.workdir(name)), *settings, *arguments)
        start = Start(words, environment={**self.store.environment, **environment})
        ended = Running(start).wait()
        assert code is None or ended.code == code, ended.output
        summaries = sorted(self.workdir(name).glob("runs/*/summary.json"))
        content = json.loads(summaries[-1].read_bytes()) if summaries else {}
        return {"code": ended.code, "output": ended.output, **content}

    def workdir(self, name: str) -> Path:
        """Return the workdir of that name."""
        return self.folder / name

    def published(self, name: str) -> dict[str, dict[str, bytes]]:
        """Return the published versions on the object store: version to file to content."""
        start = f"{name}/published/demo/"
        by_version: dict[str, dict[str, bytes]] = {}
        for path, content in self.store.objects(start).items():
            version, _, file = path.removeprefix(start).partition("/")
            if file:
                by_version.setdefault(version, {})[file] = content
        return by_version

    def shards(self, name: str) -> dict[str, bytes]:
        """Return the shards of documents and instances on the object store."""
        start = f"{name}/artifacts/demo/"
        objects = self.store.objects(start)
        names = {path.removeprefix(start): content for path, content in objects.items()}
        return {
            path: content
            for path, content in names.items()
            if any(Path(path).match(pattern) for pattern in SHARDS)
        }


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demo]:
    """An object store with the demo's text."""
    folder = tmp_path_factory.mktemp("demo")
    write_demo_text(folder / "corpus")
    with object_store(folder) as store:
        for path in (folder / "corpus").iterdir():
            store.put(f"corpus/{path.name}", path.read_bytes())
        yield Demo(folder, store)


@pytest.fixture(scope="module")
def local(demo: Demo) -> Path:
    """The workdir of a run without an object store."""
    demo.run_with("local", "--text", str(demo.folder / "corpus"))
    return demo.workdir("local")


@pytest.fixture(scope="module")
def remote(demo: Demo, local: Path) -> str:
    """A run with everything on the object store; the number of its requests is checked."""
    demo.store.clear_log()
    demo.run("remote")
    counts = demo.store.counts()
    assert counts.total() <= MOST_REQUESTS, counts
    return "remote"


def _check_equal(demo: Demo, name: str, local: Path) -> None:
    (version,) = (local / "published" / "demo").glob("[0-9]*")
    files = {
        path.relative_to(version).as_posix(): path.read_bytes()
        for path in version.rglob("*") if path.is_file()
    }  # fmt: skip
    (published,) = demo.published(name).values()
    assert published == files
    artifacts = local / "artifacts" / "demo"
    paths = [path for pattern in SHARDS for path in artifacts.glob(pattern)]
    shards = {path.relative_to(artifacts).as_posix(): path.read_bytes() for path in paths}
    assert len(shards) >= 4
    remote = demo.shards(name)
    assert {_without_id(path): content for path, content in remote.items()} == {
        _without_id(path): content for path, content in shards.items()
    }


def _without_id(path: str) -> str:
    """Return a path without the number of the execution that wrote the artifact."""
    return "/".join(part for part in path.split("/") if not part.isdigit())


def test_everything_on_the_object_store_equals_a_local_run(
    demo: Demo, remote: str, local: Path
) -> None:
    _check_equal(demo, remote, local)


def test_a_second_run_is_all_from_the_cache(demo: Demo, remote: str) -> None:
    demo.store.clear_log()
    nodes = demo.run(remote)["nodes"]
    assert {node["state"] for node in nodes} == {"cached"}
    assert demo.store.counts()["upload"] == 0
    assert len(demo.store.requests) <= 40


def test_a_result_that_was_altered_on_the_store_is_not_reused(demo: Demo, remote: str) -> None:
    reports = demo.store.objects(f"{remote}/artifacts/demo/CorpusReportGen/report/")
    ((report, content),) = reports.items()
    demo.store.put(report, b"altered")
    states = {node["node"]: node["state"] for node in demo.run(remote)["nodes"]}
    assert [node for node, state in states.items() if state != "cached"] == ["CorpusReportGen"]
    demo.store.put(report, content)  # `lineage verify` reports it


def test_a_run_that_is_killed_while_it_publishes_goes_on_with_the_same_command(
    demo: Demo, remote: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    note = ("--set", "card.notes=Published after a kill.")
    before = set(demo.published(remote))
    point = {failpoints.VARIABLE: "copy-published:3"}
    demo.run(remote, *note, code=-signal.SIGKILL, **point)
    half = set(demo.published(remote)) - before
    assert len(half) == 1, "some files were copied"
    demo.run(remote, *note)
    published = demo.published(remote)
    (version,) = set(published) - before - half
    assert "manifest.json" in published[version]
    assert b"Published after a kill." in published[version]["README.md"]
    latest = json.loads(demo.store.objects(f"{remote}/published/demo/latest.json").popitem()[1])
    assert latest["version"] == version

    reach(demo.store, monkeypatch)
    archive = Archive(demo.workdir(remote))
    assert verify(archive).findings == ()
    assert not [orphan for orphan in find_orphans(archive) if orphan.path.startswith("gs://")]
    monkeypatch.setattr(versions, "ABANDONED_SECONDS", -60)  # as if a day had passed
    abandoned = [orphan for orphan in find_orphans(archive) if orphan.path.startswith("gs://")]
    assert [Path(orphan.path).name for orphan in abandoned] == list(half)
    assert list(delete_orphans(archive, abandoned)) == abandoned
    assert set(demo.published(remote)) == before | {version}


# In the order of a run: each kill begins where the one before it ended.
KILLS = (
    "write-shard:2",  # of documents
    "upload-object:9",
    "before-manifest:1",
    "save-checkpoint:2",
    "export-files:1",
    "before-publish:2",  # the model is on the store, and not in ML Metadata
)


@pytest.mark.timeout(1800)
def test_a_run_that_is_killed_again_and_again_equals_a_local_run(
    demo: Demo, local: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    reach(demo.store, monkeypatch)
    for point in KILLS:
        demo.run("killed", code=-signal.SIGKILL, **{failpoints.VARIABLE: point})
        assert verify(Archive(demo.workdir("killed"))).findings == (), point
    assert demo.run("killed")["state"] == "succeeded"
    _check_equal(demo, "killed", local)
    assert verify(Archive(demo.workdir("killed"))).findings == ()


def test_a_store_that_fails_without_end_ends_the_run_with_a_sentence(
    demo: Demo, remote: str
) -> None:
    note = ("--set", "card.notes=Never written.")
    demo.store.inject(Faults(rate=1, kinds=("503",), method="POST"))
    summary = demo.run(remote, *note, code=FAILED, **{TIMEOUT_VARIABLE: "5"})
    demo.store.inject(Faults(rate=1, kinds=("503",)))
    early = demo.run(remote, code=FAILED, **{TIMEOUT_VARIABLE: "5"})
    demo.store.inject(Faults())
    assert "README.md: cannot be written" in summary["error"]
    for message in (summary["error"], early["output"]):
        assert "attempts within 5 seconds. Run again when the store answers" in message
    assert f"gs://{BUCKET}/corpus: cannot be listed" in early["output"]


@pytest.mark.timeout(1800)
def test_one_of_fifty_requests_may_fail(demo: Demo, local: Path) -> None:
    kinds = (*STATUS_FAULTS, "reset-before", "reset-after", "cut-body")
    demo.store.clear_log()
    for attempt in range(ATTEMPTS):  # TensorFlow and Beam do not retry everything
        demo.store.inject(Faults(rate=0.02, kinds=kinds, seed=attempt))
        summary = demo.run("faults", code=None)
        demo.store.inject(Faults())
        if summary["code"] == SUCCEEDED:
            break
    assert summary["code"] == SUCCEEDED, summary["output"]
    assert sum(1 for request in demo.store.requests if request.fault) >= 5
    _check_equal(demo, "faults", local)
