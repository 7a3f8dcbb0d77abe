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


@pytest.mark.parametrize(("count", "words"), [(1, "One GPU: "), (3, "3 GPUs, each with a copy")])
def test_every_visible_gpu_gets_a_replica_and_no_other_device_does(
    count: int, words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The GPUs are not real: this shows the choice, not that training on it works."""
    for name in ("TPU_NAME", "TF_CONFIG"):
        monkeypatch.delenv(name, raising=False)
    gpus = [tf.config.PhysicalDevice(f"/physical_device:GPU:{n}", "GPU") for n in range(count)]
    visible = {"GPU": gpus, "CPU": tf.config.list_physical_devices("CPU")}
    monkeypatch.setattr(tf.config, "list_physical_devices", visible.__getitem__)
    choice = select_strategy("auto")
    assert choice.explanation.startswith(words)
    devices = [tf.DeviceSpec.from_string(d) for d in choice.strategy.extended.worker_devices]
    assert [(d.device_type, d.device_index) for d in devices] == [("GPU", n) for n in range(count)]
    assert choice.strategy.num_replicas_in_sync == count
    on_the_cpu = select_strategy("cpu").strategy.extended.worker_devices
    assert [tf.DeviceSpec.from_string(d).device_type for d in on_the_cpu] == ["CPU"]


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
