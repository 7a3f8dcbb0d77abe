"""Training whose instances, checkpoints and export are on an object store."""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from core.errors import TextmillError
from core.failpoints import VARIABLE
from core.gcs.lease import LEASE
from core.gcs.requests import TIMEOUT_VARIABLE
from core.manifest import MANIFEST
from tests.forked_runs import Ended, Running, Start
from tests.object_store.proxy import Faults
from tests.object_store.server import BUCKET, ObjectStore
from tests.trainer.conftest import settings_in
from tests.trainer.real_instances import write_instances
from trainer.input import rolling_copy
from trainer.settings.training import TrainingSettings
from trainer.training import train_and_export

ROOT = f"gs://{BUCKET}"
FREE_BYTES = "TEXTMILL_TEST_FREE_BYTES"  # of TMPDIR, as the instances' check sees it
WEIGHTS = "transformers/model.safetensors"
RUN = {"steps": 12, "save_every_steps": 4, "log_every_steps": 4, "steps_per_loop": 2}


def main(settings: str, instances: str, model: str, run: str) -> None:
    """Train in a process of its own."""
    if FREE_BYTES in os.environ:
        free = shutil.disk_usage(tempfile.gettempdir()).free
        rolling_copy.USABLE_SPACE = int(os.environ[FREE_BYTES]) / free
    try:
        train_and_export(
            TrainingSettings.model_validate_json(settings), instances.split(","), model, run
        )
    except TextmillError as error:
        sys.exit(f"{type(error).__name__}: {error}")


class Training:
    """Starts trainings of one recipe on the object store."""

    def __init__(self, store: ObjectStore, name: str, settings: TrainingSettings) -> None:
        self.store, self.name = store, name
        update = {"checkpoint_root": f"{ROOT}/{name}/checkpoints"}
        self.settings = settings.model_copy(update=update)
        self.instances = f"{ROOT}/instances"

    def start(self, **environment: str) -> Running:
        """Start a process that trains."""
        folder = f"{ROOT}/{self.name}/model"
        words = (self.settings.model_dump_json(), self.instances, folder, f"{folder}-run")
        return Running(
            Start(words, function=main, environment={**self.store.environment, **environment})
        )

    def run(self, **environment: str) -> Ended:
        """Train; return the exit code and the messages."""
        return self.start(**environment).wait()

    def objects(self) -> dict[str, bytes]:
        """Return what this training wrote, by names below its folder."""
        prefix = f"{self.name}/"
        written = self.store.objects(prefix)
        return {name.removeprefix(prefix): content for name, content in written.items()}

    def weights(self) -> bytes:
        """Return the exported weights."""
        return self.objects()[f"model/{WEIGHTS}"]


Prepare = Callable[..., Training]


@pytest.fixture(scope="module")
def instances(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Instances in 20 shards, which are more than one group."""
    folder = tmp_path_factory.mktemp("instances")
    return Path(write_instances(folder, "dynamic", instances=400, shards=20))


@pytest.fixture(scope="module")
def expected(instances: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """Return every file that a training in local folders exports."""
    scratch = tmp_path_factory.mktemp("local")
    settings = settings_in(scratch, **RUN)
    train_and_export(settings, [str(instances)], str(scratch / "model"), str(scratch / "run"))
    return read_folder(scratch / "model")


@pytest.fixture
def prepare(store: ObjectStore, instances: Path, tmp_path: Path) -> Prepare:
    """Return a function that uploads the instances and prepares a training."""
    for name, content in read_folder(instances).items():
        store.put(f"instances/{name}", content)
    store.clear_log()

    def prepared(name: str, **trainer: object) -> Training:
        return Training(store, name, settings_in(tmp_path, **{**RUN, **trainer}))

    return prepared


def read_folder(folder: Path) -> dict[str, bytes]:
    """Return the content of every file, by its name below the folder."""
    files = (path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}


def test_training_on_a_store_exports_the_same_bytes_in_few_requests(
    store: ObjectStore, prepare: Prepare, instances: Path, expected: dict[str, bytes]
) -> None:
    training = prepare("whole")
    code, messages = training.run()
    assert code == 0, messages
    requests, counts = store.requests, store.counts()
    exported = {
        name.removeprefix("model/"): content
        for name, content in training.objects().items()
        if name.startswith("model/")
    }
    assert comparable(exported) == comparable(expected)
    shards = {n: c for n, c in read_folder(instances).items() if n.startswith("Split-")}
    downloads = [r for r in requests if r.kind == "read" and "Split-" in r.path]
    assert len(downloads) == len(shards) == 21, "each shard is downloaded once"
    assert sum(r.received_bytes for r in downloads) == sum(map(len, shards.values()))
    assert not [r for r in requests if r.kind in ("read", "stat") and "whole" in r.path]
    assert sum(counts.values()) < 80, counts
    # A lease is written again every 30 seconds.
    uploads = [r.path for r in requests if r.kind == "upload" and LEASE not in r.path]
    written = 3 * 2 + 3 + 2  # checkpoints, events, reports
    assert len(uploads) == written + len(expected), "and the export"


def comparable(files: dict[str, bytes]) -> dict[str, bytes]:
    """Leave out the manifest, which names the machine's folders and times."""
    return {name: content for name, content in files.items() if name != MANIFEST}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("point", "left"),
    [
        # The second checkpoint is uploaded, and its seal is not.
        ("save-checkpoint:2", ["step-000000004.json"]),
        # Some files of the export are uploaded, and its manifest is not.
        ("upload-object:14", [f"step-{step:09d}.json" for step in (4, 8, 12)]),
    ],
)
def test_a_killed_training_resumes_with_equal_weights(
    prepare: Prepare, expected: dict[str, bytes], point: str, left: list[str]
) -> None:
    training = prepare(f"killed-{point[:6]}")
    code, messages = training.run(**{VARIABLE: point})
    assert code == -signal.SIGKILL, messages
    seals = [n.rpartition("/")[2] for n in training.objects() if "/step-" in n and ".json" in n]
    assert seals == left
    assert f"model/{MANIFEST}" not in training.objects()
    code, messages = training.run()
    assert code == 0, messages
    assert training.weights() == expected[WEIGHTS]
    assert f"model/{MANIFEST}" in training.objects()


@pytest.mark.slow
def test_a_training_killed_while_a_checkpoint_is_sent_resumes_from_the_one_before(
    store: ObjectStore, prepare: Prepare, expected: dict[str, bytes]
) -> None:
    training = prepare("mid-upload")
    store.inject(Faults(rate=1.0, kinds=("stall",), matching="step-000000008"))
    process = training.start()
    process.wait_until(lambda: any(r.fault == "stall" for r in store.requests), "a stall")
    process.signal(signal.SIGKILL)
    process.wait()
    store.inject(Faults())
    assert not [name for name in training.objects() if "step-000000008" in name]
    code, messages = training.run()
    assert code == 0, messages
    assert training.weights() == expected[WEIGHTS]
    history = json.loads(training.objects()["model-run/training.json"])
    assert "step-000000004" in history["resumed_from"]


@pytest.mark.slow
def test_five_of_a_hundred_requests_may_fail_in_any_way(
    store: ObjectStore, prepare: Prepare, expected: dict[str, bytes]
) -> None:
    training = prepare("faults", save_every_steps=1)
    store.inject(Faults(rate=0.05, seed=3))
    code, messages = training.run()
    assert code == 0, messages
    assert any(request.fault for request in store.requests), "faults were injected"
    assert training.weights() == expected[WEIGHTS]


@pytest.mark.slow
def test_a_store_that_never_answers_again_ends_training_with_a_sentence(
    store: ObjectStore, prepare: Prepare
) -> None:
    training = prepare("down")
    store.inject(Faults(rate=1.0, kinds=("503",), matching="step-000000008"))
    process = training.start(**{TIMEOUT_VARIABLE: "4"})
    process.wait_until(lambda: any(request.fault for request in store.requests), "a fault")
    began = time.monotonic()
    code, messages = process.wait()
    assert time.monotonic() - began < 20
    assert code == 1
    last = messages.strip().splitlines()[-1]
    assert last.startswith(f"StorageError: {ROOT}/down/checkpoints/")
    assert "step-000000008.safetensors: cannot be written" in last
    assert "within 4 seconds" in last
    assert TIMEOUT_VARIABLE in last


def large_instances(store: ObjectStore, folder: Path) -> tuple[Path, list[int]]:
    """Upload instances of ten groups of shards; return them, and the shards' sizes."""
    instances = Path(write_instances(folder, "dynamic", instances=1600, shards=160))
    for name, content in read_folder(instances).items():
        store.put(f"large/{name}", content)
    return instances, [path.stat().st_size for path in instances.glob("Split-train/*.gz")]


@pytest.mark.slow
def test_instances_larger_than_the_disk_train_to_equal_weights(
    store: ObjectStore, prepare: Prepare, tmp_path: Path
) -> None:
    instances, sizes = large_instances(store, tmp_path / "instances")
    training = prepare("small-disk")
    training.instances = f"{ROOT}/large"
    code, messages = training.run(**{FREE_BYTES: str(sum(sizes) - 1)})
    assert code == 0, messages
    settings = settings_in(tmp_path, **RUN)
    train_and_export(settings, [str(instances)], str(tmp_path / "model"), str(tmp_path / "run"))
    assert training.weights() == (tmp_path / "model" / WEIGHTS).read_bytes()
    read = Counter(r.path for r in store.requests if r.kind == "read" and "Split-train" in r.path)
    assert set(read.values()) == {1}, "12 steps are less than an epoch"
    assert len(read) < len(sizes), "only the groups that were read, and the next one"

    code, messages = training.run(**{FREE_BYTES: "1000"})
    assert code == 1
    assert "bytes of instances are needed at once on this machine" in messages
    assert "Set TMPDIR to a larger disk" in messages


@pytest.mark.slow
@pytest.mark.skipif(os.geteuid() != 0, reason="only root mounts a small disk")
def test_a_full_disk_for_temporary_files_is_named_during_export(
    prepare: Prepare, instances: Path, tmp_path: Path
) -> None:
    training = prepare("full")
    code, _ = training.run(**{VARIABLE: "before-export:1"})
    assert code == -signal.SIGKILL
    place = tmp_path / "small"
    place.mkdir()
    size = sum(map(len, read_folder(instances).values())) + (200 << 10)
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", place], check=True)
    try:
        code, messages = training.run(TMPDIR=str(place))
    finally:
        subprocess.run(["umount", "--lazy", place], check=True)
    assert code == 1
    last = messages.strip().splitlines()[-1]
    assert last.startswith("StorageError: ")
    assert f"Make room, or set TMPDIR (now {place}), and run again." in last
    assert "--workdir" not in messages
    assert f"model/{MANIFEST}" not in training.objects()


@pytest.mark.slow
def test_a_store_that_fails_while_instances_roll_ends_training_with_a_sentence(
    store: ObjectStore, prepare: Prepare, tmp_path: Path
) -> None:
    _, sizes = large_instances(store, tmp_path / "instances")
    training = prepare("rolling-down", save_every_steps=1)
    training.instances = f"{ROOT}/large"
    began = time.monotonic()
    store.inject(Faults(rate=1.0, kinds=("503",), matching="Split-train"))
    code, messages = training.run(**{FREE_BYTES: str(sum(sizes) - 1), TIMEOUT_VARIABLE: "4"})
    assert time.monotonic() - began < 60
    assert code == 1
    last = messages.strip().splitlines()[-1]
    assert last.startswith(f"StorageError: {ROOT}/large/Split-train/")
    assert "attempts within 4 seconds. Run again when the store answers" in last


@pytest.mark.slow
def test_two_workers_share_checkpoints_on_a_store(store: ObjectStore, prepare: Prepare) -> None:
    training = prepare("workers", save_every_steps=4)
    with socket.socket() as first, socket.socket() as second:
        for each in (first, second):
            each.bind(("127.0.0.1", 0))
        cluster = {"worker": [f"127.0.0.1:{each.getsockname()[1]}" for each in (first, second)]}
    configs = [
        json.dumps({"cluster": cluster, "task": {"type": "worker", "index": n}}) for n in (0, 1)
    ]
    workers = [training.start(TF_CONFIG=config) for config in configs]
    ended = [worker.wait() for worker in workers]
    assert [worker.code for worker in ended] == [0, 0], ended
    assert f"model/{MANIFEST}" in training.objects()
    assert [n for n in training.objects() if "step-000000012.json" in n]


@pytest.mark.slow
def test_an_electra_with_phases_that_starts_from_a_model_on_the_store_equals_a_local_one(
    store: ObjectStore, prepare: Prepare, instances: Path, tmp_path: Path
) -> None:
    long = Path(write_instances(tmp_path / "long", "dynamic", length=48, instances=40))
    for name, content in read_folder(long).items():
        store.put(f"long/{name}", content)
    phases = ({"from_step": 8, "seq_length": 48, "global_batch_size": 4},)
    first, second = prepare("first"), prepare("second", phases=phases)
    for training, start in ((first, None), (second, f"{ROOT}/first/model")):
        model = training.settings.model.model_copy(update={"type": "electra", "start_from": start})
        training.settings = training.settings.model_copy(update={"model": model})
    second.instances += f",{ROOT}/long"
    for training in (first, second):
        code, messages = training.run()
        assert code == 0, messages

    local = tmp_path / "first"
    for name, content in first.objects().items():
        (local / name).parent.mkdir(parents=True, exist_ok=True)
        (local / name).write_bytes(content)
    model = second.settings.model.model_copy(update={"start_from": str(local / "model")})
    settings = second.settings.model_copy(
        update={"model": model, "checkpoint_root": str(tmp_path / "checkpoints")}
    )
    folders = [str(instances), str(long)]
    train_and_export(settings, folders, str(tmp_path / "model"), str(tmp_path / "run"))
    exported = {
        name.removeprefix("model/"): content
        for name, content in second.objects().items()
        if name.startswith("model/")
    }
    assert comparable(exported) == comparable(read_folder(tmp_path / "model"))
