"""Two processes on loopback train as one device does, and go on after one of them was killed.

They are two workers, or a chief and a worker, as Vertex AI names them.
"""

import json
import signal
import socket
import sys
from pathlib import Path

import numpy as np
import pytest
import safetensors.numpy

from core.errors import TextmillError
from tests.forked_runs import Running, Start
from tests.trainer.conftest import MakeSettings, settings_in
from tests.trainer.downstream.test_curve import polarity
from trainer.downstream.task_files import write_task
from trainer.settings.training import TrainingSettings
from trainer.training import train_and_export

WORKERS = (("worker", 0), ("worker", 1))
CHIEF_AND_WORKER = (("chief", 0), ("worker", 0))
Roles = tuple[tuple[str, int], tuple[str, int]]
WEIGHTS = "transformers/model.safetensors"
NO_DROPOUT = {"hidden_dropout": 0.0, "attention_dropout": 0.0}
# Few steps, as sums in another order drift apart, and slow ones, so that they can be stopped.
RUN = {"steps": 40, "save_every_steps": 2, "steps_per_loop": 1, "evaluate_every_steps": 20}
RUN |= {"evaluate_tasks": ["polarity"]}


def main(settings: str, instances: str, model: str, run: str, *tasks: str) -> None:
    """One worker, as a process of its own."""
    own = TrainingSettings.model_validate_json(settings)
    try:
        train_and_export(own, [instances], model, run, tasks=tasks)
    except TextmillError as error:
        sys.exit(f"{type(error).__name__}: {error}")


@pytest.fixture(scope="module")
def one_device(dynamic_folder: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The model of one device."""
    scratch = tmp_path_factory.mktemp("one")
    settings = settings_in(scratch, NO_DROPOUT, **RUN)
    folders = str(scratch / "model"), str(scratch / "run")
    tasks = [write_task(polarity(), str(scratch))]
    train_and_export(settings, [dynamic_folder], *folders, tasks=tasks)
    return scratch


def test_two_workers_train_as_one_device_and_go_on_after_one_was_stopped_or_killed(
    one_device: Path, dynamic_folder: str, make_settings: MakeSettings, tmp_path: Path
) -> None:
    settings = make_settings(NO_DROPOUT, **RUN)
    # One receives SIGTERM: both save and end.
    ends = _signal_one(settings, dynamic_folder, tmp_path, "stopped", signal.SIGTERM, WORKERS)
    assert ends == [128 + signal.SIGTERM] * 2, _logs(tmp_path, "stopped")
    # One is killed: the other reports it.
    roles = CHIEF_AND_WORKER
    ends = _signal_one(settings, dynamic_folder, tmp_path, "killed", signal.SIGKILL, roles)
    assert ends == [1, -signal.SIGKILL]
    assert "WorkerLostError: One of the 2 workers is gone" in _logs(tmp_path, "killed")
    assert _newest(settings) < "step-000000040"
    # Both start again, as `restart_job_on_worker_restart` has it on Vertex AI.
    workers = _start(settings, dynamic_folder, tmp_path, "resumed", roles)
    assert [worker.wait().code for worker in workers] == [0, 0], _logs(tmp_path, "resumed")
    _assert_equal_models(one_device / "model", tmp_path / "resumed-0")
    # Only the chief wrote, and both saw the end.
    assert not (tmp_path / "resumed-1").exists()
    assert not (tmp_path / "resumed-1-run").exists()
    history = json.loads((tmp_path / "resumed-0-run" / "training.json").read_text())
    alone = json.loads((one_device / "run" / "training.json").read_text())
    assert history["replicas"] == 2
    curves = history["task_scores"], alone["task_scores"]
    assert [[point["step"] for point in curve] for curve in curves] == [[0, 20, 40]] * 2
    assert curves[0][0] == curves[1][0]
    for ours, expected in zip(history["held_out"][-1:], alone["held_out"][-1:], strict=True):
        assert ours["step"] == expected["step"]
        assert ours["held_out_masked_lm_loss"] == pytest.approx(
            expected["held_out_masked_lm_loss"], rel=1e-4
        )


def _signal_one(
    settings: TrainingSettings,
    folder: str,
    scratch: Path,
    name: str,
    sent: signal.Signals,
    roles: Roles,
) -> list[int]:
    """Starts both, signals the second after a new checkpoint, and returns their exit codes."""
    before = _newest(settings)
    workers = _start(settings, folder, scratch, name, roles)
    workers[0].wait_until(lambda: _newest(settings) != before, "its next checkpoint")
    workers[1].signal(sent)
    return [worker.wait().code for worker in workers]


def _newest(settings: TrainingSettings) -> str:
    """The name of the newest sealed checkpoint; empty if there is none."""
    seals = Path(settings.checkpoint_root).glob("*/step-*.json")
    return max((path.stem for path in seals), default="")


def _start(
    settings: TrainingSettings, folder: str, scratch: Path, name: str, roles: Roles
) -> list[Running]:
    """Start two processes that know of each other; the first one writes."""
    cluster: dict[str, list[str]] = {}
    for (role, _), port in zip(roles, _free_ports(2), strict=True):
        cluster.setdefault(role, []).append(f"127.0.0.1:{port}")
    workers = []
    for index, (role, number) in enumerate(roles):
        task = {"cluster": cluster, "task": {"type": role, "index": number}}
        outputs = str(scratch / f"{name}-{index}"), str(scratch / f"{name}-{index}-run")
        words = (settings.model_dump_json(), folder, *outputs, write_task(polarity(), str(scratch)))
        log = str(scratch / f"{name}-{index}.log")
        environment = {"TF_CONFIG": json.dumps(task)}
        workers.append(Running(Start(words, log, function=main, environment=environment)))
    return workers


def _free_ports(count: int) -> list[int]:
    sockets = [socket.socket() for _ in range(count)]
    try:
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in sockets]
    finally:
        for one in sockets:
            one.close()


def _logs(scratch: Path, name: str) -> str:
    return "\n".join(path.read_text()[-3000:] for path in sorted(scratch.glob(f"{name}-*.log")))


def _assert_equal_models(one: Path, other: Path) -> None:
    expected = safetensors.numpy.load_file(one / WEIGHTS)
    weights = safetensors.numpy.load_file(other / WEIGHTS)
    assert weights.keys() == expected.keys()
    differences = []
    for name, value in expected.items():
        # Adam divides by the gradient's size, so where that is all rounding, a step of up to the
        # learning rate has any sign.
        np.testing.assert_allclose(weights[name], value, atol=3e-3, err_msg=name)
        differences.append(np.abs(weights[name] - value).ravel())
    assert np.mean(np.concatenate(differences) < 5e-5) > 0.999
