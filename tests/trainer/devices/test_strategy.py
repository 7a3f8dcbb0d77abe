"""The requested device is chosen and explained, or the error says what to do."""

import pytest
import tensorflow as tf

from trainer.devices.strategy import DeviceError, select_strategy


def test_without_accelerators_auto_uses_the_cpu_and_says_why(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in ("TPU_NAME", "TF_CONFIG", "CUDA_VISIBLE_DEVICES"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(tf.config, "list_physical_devices", lambda kind: [])
    choice = select_strategy("auto")
    assert isinstance(choice.strategy, tf.distribute.OneDeviceStrategy)
    assert choice.explanation == (
        "One CPU: TensorFlow sees no GPU, TPU_NAME is not set, TF_CONFIG names no other worker."
    )


def test_a_missing_gpu_is_an_error_that_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    with pytest.raises(DeviceError, match=r"no GPU \(CUDA_VISIBLE_DEVICES is ''\).*nvidia-smi"):
        select_strategy("gpu")


@pytest.mark.parametrize(
    ("gpus", "kind"),
    [(1, tf.distribute.OneDeviceStrategy), (3, tf.distribute.MirroredStrategy)],
)
def test_one_gpu_is_used_alone_and_several_together(
    gpus: int, kind: type, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("TPU_NAME", raising=False)
    monkeypatch.setattr(tf.config, "list_physical_devices", lambda _: ["a GPU"] * gpus)
    choice = select_strategy("auto")
    assert isinstance(choice.strategy, kind)
    assert choice.explanation.startswith("One GPU" if gpus == 1 else "3 GPUs")


@pytest.mark.parametrize("device", ["auto", "tpu"])
def test_a_tpu_that_cannot_be_reached_is_an_error_that_names_it(
    device: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TPU_NAME", "local")
    with pytest.raises(DeviceError, match=r"Cannot reach TPU 'local'.*tensorflow-tpu"):
        select_strategy(device)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ("{", r"TF_CONFIG is invalid"),
        ('{"cluster": ["a:1", "b:1"]}', r"TF_CONFIG is invalid"),
        (
            '{"cluster": {"worker": ["a:1"], "ps": ["b:1"]}, "task": {"type": "ps", "index": 0}}',
            r"the roles ps, worker, and this process is 'ps'",
        ),
    ],
)
def test_an_invalid_cluster_is_refused_with_its_text(
    config: str, message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("TPU_NAME", raising=False)
    monkeypatch.setenv("TF_CONFIG", config)
    with pytest.raises(DeviceError, match=message):
        select_strategy("auto")


def test_a_cluster_of_one_is_one_device(monkeypatch: pytest.MonkeyPatch) -> None:
    """Vertex AI sets such a cluster for a job with one machine."""
    monkeypatch.delenv("TPU_NAME", raising=False)
    task = '"task": {"type": "chief", "index": 0}, "environment": "cloud"'
    monkeypatch.setenv("TF_CONFIG", f'{{"cluster": {{"chief": ["127.0.0.1:2222"]}}, {task}}}')
    assert isinstance(select_strategy("cpu").strategy, tf.distribute.OneDeviceStrategy)
