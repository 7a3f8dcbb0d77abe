"""Checkpoints, warm starts and SavedModels pass between TensorFlow versions.

The environments hold the locks of the training images without CUDA and libtpu, so each training
here also shows that `python -m trainer` needs nothing else. tensorflow-tpu cannot train on a CPU:
TensorFlow of the same version stands for it.
"""

import itertools
import json
import re
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from tests.trainer.real_instances import write_instances

pytestmark = pytest.mark.timeout(1800)  # a test starts up to six trainings
TOP = Path(__file__).parents[2]
OURS = "ours"  # the version of this machine's line
PYTHONS = {OURS: sys.executable} | {
    version: str(TOP / f".venv-trainers/{version}/bin/python") for version in ("2.20", "2.21")
}
STEPS, SAVE_EVERY = 120, 20
TOLERANCE = 1e-4  # relative, of a figure that two versions compute from one model
RELAY_TOLERANCE = 1e-3  # of 120 steps whose sums were rounded by three versions
NOT_INSTALLED = ("tfx", "apache_beam", "ml_metadata", "pyarrow", "kfp", "pytest")
FIND = "import sys, importlib.util as u; print([n for n in sys.argv[1:] if u.find_spec(n)])"
MEASURE = """
import json, sys, tensorflow as tf, tensorflow_text
from trainer.evaluation import evaluate
instances, *models = sys.argv[1:]
text = tf.constant(["A short text, and its vectors."])
figures = {}
for model in models:
    encoded = tf.saved_model.load(model).signatures["encode"](text=text)
    norm = sum(float(tf.norm(tf.cast(value, tf.float32))) for value in encoded.values())
    loss = evaluate(model, instances, "eval", 32, seed=1).masked_lm_loss
    figures[model] = [loss, norm]
print(json.dumps(figures))
"""


@pytest.fixture(scope="module")
def instances(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Real instances."""
    return write_instances(tmp_path_factory.mktemp("instances"), "dynamic")


@pytest.fixture(scope="module")
def models(instances: str, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A model that each version trained and exported, by version."""
    base = tmp_path_factory.mktemp("models")
    for version in PYTHONS:
        train(version, write_job(base, version, instances, steps=SAVE_EVERY))
    return {version: base / version for version in PYTHONS}


@pytest.fixture(scope="module")
def figures(models: dict[str, Path], instances: str) -> dict[str, dict[str, list[float]]]:
    """What each version measures of the models of all."""
    return {version: measure(version, instances, *models.values()) for version in PYTHONS}


@pytest.fixture(scope="module")
def undisturbed(instances: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The model of a run that one version did alone."""
    base = tmp_path_factory.mktemp("undisturbed")
    train(OURS, write_job(base, "model", instances, steps=STEPS))
    return base / "model"


def test_the_environments_hold_the_training_locks_and_no_tfx() -> None:
    for version in ("2.20", "2.21"):
        code = "import tensorflow as tf; print(tf.__version__)"
        assert run(version, "-c", code).startswith(f"{version}.")
        assert run(version, "-c", FIND, *NOT_INSTALLED).strip() == "[]"


def test_the_versions_train_the_same_model(figures: dict[str, dict[str, list[float]]]) -> None:
    losses = [loss for loss, _ in figures[OURS].values()]
    assert max(losses) == pytest.approx(min(losses), rel=TOLERANCE)


def test_each_version_serves_and_evaluates_the_models_of_all(
    figures: dict[str, dict[str, list[float]]],
) -> None:
    for one, other in itertools.pairwise(figures.values()):
        for model in one:
            assert one[model] == pytest.approx(other[model], rel=TOLERANCE)


@pytest.mark.parametrize("order", [(OURS, "2.20", "2.21"), ("2.21", "2.20", OURS)], ids="-".join)
def test_a_run_that_passes_from_version_to_version_ends_as_if_undisturbed(
    order: tuple[str, ...], undisturbed: Path, instances: str, tmp_path: Path
) -> None:
    job = write_job(tmp_path, "relay", instances, steps=STEPS)
    saved = [stop_after_a_checkpoint(version, job) for version in order[:-1]]
    train(order[-1], job)
    training = json.loads((tmp_path / "relay-run/training.json").read_text())
    assert 0 < saved[0] < saved[1] == step_of(training["resumed_from"]) < STEPS
    figures = measure(OURS, instances, undisturbed, tmp_path / "relay")
    assert figures[str(tmp_path / "relay")] == pytest.approx(
        figures[str(undisturbed)], rel=RELAY_TOLERANCE
    )


@pytest.mark.parametrize(("before", "after"), [(OURS, "2.21"), ("2.21", OURS), ("2.20", OURS)])
def test_a_training_starts_from_a_model_of_another_version(
    before: str, after: str, models: dict[str, Path], instances: str, tmp_path: Path
) -> None:
    start = {"start_from": str(models[before] / "transformers")}
    train(after, write_job(tmp_path, "warm", instances, model=start, learning_rate=1e-9, steps=1))
    figures = measure(after, instances, models[before], tmp_path / "warm")
    first, second = figures.values()
    assert first == pytest.approx(second, rel=TOLERANCE)  # a step of next to nothing


def write_job(
    base: Path, name: str, instances: str, *, model: dict[str, str] | None = None, **trainer: float
) -> str:
    """Write a job to a file, and return its path."""
    size = {"num_layers": 2, "hidden_size": 64, "num_heads": 2, "intermediate_size": 256}
    settings = {
        "model": {"type": "bert", **size, **(model or {})},
        "masking": {},
        "trainer": {
            "warmup_steps": 5 if trainer["steps"] > 1 else 0,
            "global_batch_size": 16,
            "save_every_steps": SAVE_EVERY,
            "device": "cpu",
            **trainer,
        },
        "seed": 1,
        "checkpoint_root": str(base / f"{name}-checkpoints"),
    }
    job = {"settings": settings, "instances": [instances], "model": str(base / name)}
    path = base / f"{name}.json"
    path.write_text(json.dumps({**job, "run": str(base / f"{name}-run")}))
    return str(path)


def run(version: str, *arguments: str) -> str:
    """Run a version's Python in the checkout, and return its output."""
    command = [PYTHONS[version], *arguments]
    ended = subprocess.run(command, cwd=TOP, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, f"{version}: {ended.stderr[-2000:]}"
    return ended.stdout


def train(version: str, job: str) -> None:
    """Run a job to its end."""
    run(version, "-m", "trainer", job)


def stop_after_a_checkpoint(version: str, job: str) -> int:
    """Run a job, stop it when it has written a checkpoint, and return the step of the last one."""
    root = Path(json.loads(Path(job).read_text())["settings"]["checkpoint_root"])
    before = set(root.rglob("step-*.json"))
    process = subprocess.Popen(
        [PYTHONS[version], "-m", "trainer", job], cwd=TOP, stderr=subprocess.PIPE, text=True
    )
    while process.poll() is None and not set(root.rglob("step-*.json")) - before:
        time.sleep(0.02)
    process.send_signal(signal.SIGTERM)
    _, errors = process.communicate()
    assert process.returncode == 128 + signal.SIGTERM, f"{version}: {errors[-2000:]}"
    return max(map(step_of, root.rglob("step-*.json")))


def step_of(checkpoint: str | Path) -> int:
    """Return the step in the name of a checkpoint, for example step-000000050.safetensors."""
    return int(re.findall(r"\d+", Path(checkpoint).stem)[0])


def measure(version: str, instances: str, *models: Path) -> dict[str, Any]:
    """Return the held-out loss and the length of the SavedModel's vectors, by model."""
    output = run(version, "-c", MEASURE, instances, *map(str, models))
    figures: dict[str, Any] = json.loads(output.splitlines()[-1])
    return figures
