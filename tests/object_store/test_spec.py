"""`textmill run-spec --object-store` reads and writes the buckets themselves."""

from pathlib import Path

import pytest

from core.errors import InputError
from pipelines.exit_codes import SUCCEEDED
from pipelines.spec_runner.command import Options, run_spec
from tests.object_store.server import BUCKET, ObjectStore
from tests.pipelines.spec_runner.conftest import REAL_TEXT, compile_tiny
from tests.pipelines.spec_runner.small_specs import last_summary, states

ROOT = f"gs://{BUCKET}"
WEIGHTS = "transformers/model.safetensors"


def test_a_pipeline_root_outside_of_buckets_is_refused(tmp_path: Path, store: ObjectStore) -> None:
    spec = compile_tiny(tmp_path)
    store.put("text/a.txt", REAL_TEXT.read_bytes())
    options = Options(parameters=[f"text_root={ROOT}/text"], object_store=True)
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
    tmp_path: Path, store: ObjectStore
) -> None:
    spec = compile_tiny(tmp_path)
    store.put("text/reference.txt", REAL_TEXT.read_bytes())
    parameters = [f"text_root={ROOT}/text", f"pipeline_root={ROOT}/root"]
    options = Options(parameters=parameters, object_store=True, warm=True, retry=False)
    workdir = tmp_path / "remote"
    assert run_spec(str(spec), workdir=str(workdir), options=options) == SUCCEEDED
    assert set(states(last_summary(workdir)).values()) == {"ran"}
    assert not (workdir / "gs").exists()
    store.clear_log()
    assert run_spec(str(spec), workdir=str(workdir), options=options) == SUCCEEDED
    second = states(last_summary(workdir))
    assert {second[name] for name in ("TextExampleGen", "InstanceGen", "Trainer")} == {"cached"}
    weights = [name for name in store.objects("root/published/") if name.endswith(WEIGHTS)]
    assert len(weights) == 1, "the second run publishes nothing new"
