"""`textmill run-spec --object-store` reads and writes the buckets themselves."""

import re
from dataclasses import replace
from pathlib import Path

import pytest

from core.errors import InputError
from core.exit import FAILED, SUCCEEDED
from core.gcs.requests import TIMEOUT_VARIABLE
from pipelines.spec_runner.command import Options, run_spec
from pipelines.spec_runner.processes.run_process import tail
from tests.forked_warm import fork_warm_processes
from tests.object_store.proxy import Faults
from tests.object_store.server import BUCKET, ObjectStore
from tests.pipelines.spec_runner.conftest import REAL_TEXT, compile_tiny
from tests.pipelines.spec_runner.small_specs import last_summary, states

ROOT = f"gs://{BUCKET}"
WEIGHTS = "transformers/model.safetensors"
DONE_BEFORE = {"TextExampleGen", "DocumentStatistics", "SchemaGen", "DocumentValidator",
               "VocabularyGen"}  # fmt: skip
RESOLVER = "LatestBlessedModel"  # always looks up
SHARDS_OF = ("TextExampleGen", "InstanceGen")


def test_a_pipeline_root_outside_of_buckets_is_refused(tmp_path: Path, store: ObjectStore) -> None:
    spec = compile_tiny(tmp_path)
    store.put("other/a.txt", REAL_TEXT.read_bytes())
    options = Options(parameters=[f"text_root={ROOT}/other"], object_store=True)
    with pytest.raises(InputError, match=r"--param pipeline_root=gs://bucket/folder"):
        run_spec(str(spec), workdir=str(tmp_path / "w"), options=options)


def test_text_that_no_bucket_has_is_refused(tmp_path: Path, store: ObjectStore) -> None:
    spec = compile_tiny(tmp_path)
    parameters = [f"text_root={ROOT}/nowhere", f"pipeline_root={ROOT}/root"]
    options = Options(parameters=parameters, object_store=True)
    with pytest.raises(InputError, match=rf"{ROOT}/nowhere, and there is no such folder"):
        run_spec(str(spec), workdir=str(tmp_path / "w"), options=options)


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_a_compiled_spec_runs_on_buckets_and_reuses_its_results(
    tmp_path: Path, store: ObjectStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    fork_warm_processes(monkeypatch)
    spec = compile_tiny(tmp_path, vertex={"retries": {"backoff_seconds": 1}})
    store.put("text/reference.txt", REAL_TEXT.read_bytes())
    parameters = [f"text_root={ROOT}/text", f"pipeline_root={ROOT}/root"]
    options = Options(parameters=parameters, object_store=True, warm=True)
    workdir = tmp_path / "remote"

    # A store that fails without end: each attempt ends with a sentence within the time.
    once = replace(options, retry=False)
    store.inject(Faults(rate=1, kinds=("503",), method="POST", matching="InstanceGen/instances"))
    monkeypatch.setenv(TIMEOUT_VARIABLE, "4")
    assert run_spec(str(spec), workdir=str(workdir), options=once) == FAILED
    monkeypatch.delenv(TIMEOUT_VARIABLE)
    (log,) = workdir.glob("runs/*/tasks/InstanceGen.log")
    assert "attempts within 4 seconds. Run again when the store answers" in tail(log, 1)
    assert tail(log, 1).startswith(f"error: {ROOT}/root/InstanceGen/instances/")
    assert "Traceback" not in log.read_text(encoding="utf-8")

    # A refusal is not repeated within an attempt, so the task's retry does.
    refused = Faults(
        rate=1, kinds=("403",), method="POST", matching="InstanceGen/instances", limit=1
    )
    store.inject(refused)
    assert run_spec(str(spec), workdir=str(workdir), options=options) == SUCCEEDED
    assert refused.limit == 0
    store.inject(Faults())
    done = states(last_summary(workdir))
    cached = {name for name, state in done.items() if state == "cached"}
    assert cached == DONE_BEFORE | {name for name in done if name.startswith(RESOLVER)}
    assert not (workdir / "gs").exists()
    store.clear_log()
    written = store.objects("root/")
    assert run_spec(str(spec), workdir=str(workdir), options=options) == SUCCEEDED
    second = states(last_summary(workdir))
    assert {second[name] for name in ("TextExampleGen", "InstanceGen", "Trainer")} == {"cached"}
    weights = [name for name in store.objects("root/published/") if name.endswith(WEIGHTS)]
    assert len(weights) == 1, "the second run publishes nothing new"

    local = tmp_path / "local"
    text = local / "gs" / BUCKET / "text"
    text.mkdir(parents=True)
    (text / "reference.txt").write_bytes(REAL_TEXT.read_bytes())
    mapped = Options(parameters=parameters, warm=True, retry=False)
    assert run_spec(str(spec), workdir=str(local), options=mapped) == SUCCEEDED
    files = {
        path.relative_to(local).as_posix(): path.read_bytes()
        for folder in (local / "gs" / BUCKET / "root", local / "artifacts")
        for path in folder.rglob("*")
        if path.is_file()
    }
    remote = _published_and_shards(written)
    assert {name.partition("/")[0] for name in remote} == {"published", *SHARDS_OF}
    assert remote == _published_and_shards(files)


def _published_and_shards(files: dict[str, bytes]) -> dict[str, bytes]:
    """Return the files of the published version and all shards, without numbers of executions."""
    kept = {}
    for path, content in files.items():
        parts = path.split("/")
        if match := re.search(r"published/[^/]+/[0-9]+/(.+)", path):
            kept[f"published/{match[1]}"] = content
        elif "Split-" in path and (node := next((n for n in SHARDS_OF if n in parts), None)):
            kept["/".join([node, *parts[-2:]])] = content
    return kept
