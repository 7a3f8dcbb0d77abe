"""A training that does not fit its machine is refused before anything is compiled or run."""

import socket
from pathlib import Path

import pytest
from pydantic import ValidationError

from core.errors import InputError
from pipelines.local.run_command import run_recipe
from pipelines.machines import local
from pipelines.machines.engine import explain_engine
from pipelines.machines.fit import check_machine, predict_fit
from pipelines.machines.local import check_local_memory, explain_local_memory, gpu_memory
from pipelines.machines.presets import preset
from pipelines.options import RunOptions
from pipelines.recipe.file import load_recipe
from pipelines.recipe.settings import BeamSettings
from pipelines.recipe.work import check_training
from trainer.models.architecture import resolve_architecture
from trainer.report.memory import largest_batch, predict_memory
from trainer.settings.model import ModelSettings
from trainer.settings.training import TrainerSettings

MIB = 2**20
TINY = str(Path(__file__).with_name("tiny.yaml"))
BASE = ["trainer.phases=[]", "trainer.precision=bfloat16"]
SHAPE = {"seq_length": 128, "slots": 20}
# Peaks that Google's compiler reported for a TPU v5e (make tpu-compile), in MiB.
COMPILED = [("bert", "base", 256, 9354), ("bert", "tiny", 256, 520), ("electra", "tiny", 32, 260)]


@pytest.mark.parametrize(("kind", "size", "rows", "peak"), COMPILED)
def test_the_prediction_is_near_what_the_compiler_reported(
    kind: str, size: str, rows: int, peak: int
) -> None:
    model = ModelSettings.model_validate({"type": kind, "size": size})
    a = resolve_architecture(model, vocab_size=30_522, pad_id=0)
    settings = TrainerSettings(precision="bfloat16")
    predicted = predict_memory(a, settings, rows=rows, **SHAPE)
    assert predicted / MIB == pytest.approx(peak, rel=0.15)


def test_the_largest_batch_fits_and_one_more_does_not() -> None:
    a = resolve_architecture(ModelSettings(size="base"), vocab_size=30_522, pad_id=0)
    settings, memory = TrainerSettings(), 16 * 2**30
    most = largest_batch(a, settings, memory=memory, **SHAPE)
    assert predict_memory(a, settings, rows=most, **SHAPE) <= memory
    assert predict_memory(a, settings, rows=most + 1, **SHAPE) > memory
    recomputed = settings.model_copy(update={"recompute": "layers"})
    assert largest_batch(a, recomputed, memory=memory, **SHAPE) > 2 * most


def test_a_batch_that_does_not_fit_is_refused_with_the_one_that_does() -> None:
    recipe = load_recipe("bert-base", BASE)
    fit = predict_fit(recipe, preset("tpu-v5e-1"))
    assert fit is not None
    assert fit.needed_gb < fit.device_gb
    check_machine(recipe, preset("tpu-v5e-1"))
    large = load_recipe("bert-base", [*BASE, "trainer.global_batch_size=1024"])
    message = f"1024 instances at once need .* At most {fit.most_instances} fit"
    with pytest.raises(InputError, match=message):
        check_machine(large, preset("tpu-v5e-1"))
    parts = [*BASE, "trainer.global_batch_size=1024", "trainer.accumulate_steps=4"]
    check_machine(load_recipe("bert-base", parts), preset("tpu-v5e-1"))


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("trainer.device=tpu", "trains on a gpu, but trainer.device is tpu"),
        ("trainer.global_batch_size=12", "12 is not a multiple of 8 replicas"),
    ],
)
def test_a_machine_of_another_kind_or_number_is_refused(override: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        check_machine(load_recipe("bert-base", [*BASE, override]), preset("a100-8"))


def test_a_run_without_training_needs_no_device(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    recipe = load_recipe(TINY, ["trainer.device=gpu"])
    check_training(recipe, "InstanceGen")
    with pytest.raises(InputError, match="TensorFlow sees no GPU"):
        check_training(recipe, None)


def test_a_training_that_does_not_fit_this_machine_is_refused_before_any_data(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recipe = load_recipe("bert-base", [*BASE, "trainer.device=cpu"])
    monkeypatch.setattr(local, "host_memory", lambda: 64 * 2**30)
    assert explain_local_memory(recipe) is None
    monkeypatch.setattr(local, "host_memory", lambda: 4 * 2**30)
    message = "256 instances at once need about .* the memory of this machine has 4.0. At most"
    with pytest.raises(InputError, match=message):
        check_local_memory(recipe, None)
    check_local_memory(recipe, "InstanceGen")  # nothing trains
    text = tmp_path / "a.txt"
    text.write_text("\n\n".join(f"Some text {n}." for n in range(9)), encoding="utf-8")
    options = RunOptions(
        recipe="bert-base",
        text=[str(text)],
        workdir=str(tmp_path / "work"),
        overrides=["text.eval_fraction=0.5"],
    )
    with pytest.raises(InputError, match=r"trainer\.accumulate_steps"):
        run_recipe(options)
    assert not (tmp_path / "work").exists()
    monkeypatch.setattr(local, "host_memory", lambda: 2**30)
    with pytest.raises(InputError, match="Not even one fits: choose a smaller model"):
        check_local_memory(recipe, None)
    check_local_memory(recipe, None, is_cached=lambda: True)


def test_the_memory_of_the_smallest_gpu_counts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    driver = tmp_path / "nvidia-smi"
    driver.write_text("#!/bin/sh\necho 81559\necho 23034\n", encoding="utf-8")
    driver.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    assert gpu_memory() == 23_034 * MIB
    driver.write_text("#!/bin/sh\necho Failed to initialize NVML\nexit 9\n", encoding="utf-8")
    assert gpu_memory() is None


POOL = {"environment": "EXTERNAL:localhost:50000"}


def test_an_engine_that_cannot_be_reached_is_refused_before_a_workdir_is_made(
    tmp_path: Path,
) -> None:
    with socket.create_server(("localhost", 0)) as server:
        port = server.getsockname()[1]
        open_one = BeamSettings(engine="dask", endpoint=f"tcp://localhost:{port}")
        assert explain_engine(open_one) is None
    assert explain_engine(BeamSettings(workers=2)) is None
    (tmp_path / "a.txt").write_text("\n\n".join(f"Sentence {n}." for n in range(40)))
    overrides = ["beam.engine=portable", f"beam.endpoint=localhost:{port}"]
    options = RunOptions(
        recipe=TINY, text=[str(tmp_path)], workdir=str(tmp_path / "w"),
        overrides=[*overrides, "beam.environment=LOOPBACK"],
    )  # fmt: skip
    with pytest.raises(InputError, match=r"cannot connect to the job server \(Connection refused"):
        run_recipe(options)
    assert not (tmp_path / "w").exists()


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"engine": "portable", "endpoint": "tcp://host:1", **POOL}, "host:port, without tcp"),
        ({"engine": "dask", "endpoint": "tcp://host:65536"}, "a port is at most 65535"),
    ],
)
def test_endpoints_that_cannot_be_one_are_refused(
    settings: dict[str, object], message: str
) -> None:
    with pytest.raises(ValidationError, match=message):
        BeamSettings.model_validate(settings)
