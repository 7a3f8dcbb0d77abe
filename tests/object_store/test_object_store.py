"""core.gcs.object_store and core.storage against an emulated Google Cloud Storage."""

import contextlib
import gzip
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from core import storage
from core.errors import InputError, StorageError
from core.gcs import object_store, reader, requests
from tests.object_store.proxy import STATUS_FAULTS, Faults
from tests.object_store.server import BUCKET, ObjectStore

ROOT = f"gs://{BUCKET}"


def test_what_is_written_is_read_back_in_one_request_each(store: ObjectStore) -> None:
    storage.write_bytes(f"{ROOT}/one/a.bin", b"\x00\xff" * 1000)
    assert storage.read_bytes(f"{ROOT}/one/a.bin") == b"\x00\xff" * 1000
    assert store.counts() == {"upload": 1, "read": 1}


def test_a_write_that_raises_leaves_the_object_as_it_was(store: ObjectStore) -> None:
    path = f"{ROOT}/whole/a.txt"
    for before in ({}, {"whole/a.txt": b"old"}):
        with pytest.raises(RuntimeError, match="midway"), storage.open_output(path) as stream:
            stream.write(b"half of the new")
            raise RuntimeError("midway")
        assert store.objects("whole/") == before
        storage.write_bytes(path, b"old")


def test_gzip_reads_an_object_as_it_reads_a_file(store: ObjectStore) -> None:
    from isal import igzip

    content = os.urandom(3 << 20)
    path = store.put("zipped/a.gz", gzip.compress(content))
    with storage.open_input(path) as stream, igzip.open(stream) as unzipped:
        assert unzipped.read() == content


def test_an_object_is_seekable_from_start_and_end(store: ObjectStore) -> None:
    path = store.put("seek/a.bin", bytes(range(256)))
    with storage.open_input(path) as stream:
        stream.seek(250)
        assert stream.read(3) == b"\xfa\xfb\xfc"
        stream.seek(-2, os.SEEK_END)
        assert stream.read() == b"\xfe\xff"
        assert stream.read(5) == b""


def test_a_range_costs_its_own_bytes(store: ObjectStore) -> None:
    path = store.put("range/a.bin", bytes(1 << 20) + b"the end")
    assert storage.read_range(path, 1 << 20, (1 << 20) + 3) == b"the"
    (request,) = store.requests
    assert (request.kind, request.received_bytes) == ("read", 3)
    assert storage.read_range(path, 5, 5) == b"", "and nothing costs nothing"
    assert len(store.requests) == 1


def test_an_object_that_is_replaced_while_it_is_read_is_never_mixed(store: ObjectStore) -> None:
    path = store.put("mixed/a.bin", b"a" * 1000)
    with reader.open_input(path, buffer_bytes=100) as stream:
        assert stream.read(100) == b"a" * 100
        store.put("mixed/a.bin", b"b" * 1000)
        with pytest.raises(StorageError, match="does not exist"):
            stream.read(100)


def test_only_one_of_two_writers_creates_an_object(store: ObjectStore, tmp_path: Path) -> None:
    path, file = f"{ROOT}/claim/1", tmp_path / "file"
    file.write_bytes(b"first")
    object_store.upload(path, str(file), only_if_absent=True)
    file.write_bytes(b"second")
    with pytest.raises(requests.AlreadyExistsError, match="claim/1: exists already"):
        object_store.upload(path, str(file), only_if_absent=True)
    assert store.objects("claim/") == {"claim/1": b"first"}


def test_a_creation_whose_answer_was_lost_is_not_taken_for_anothers(
    store: ObjectStore, tmp_path: Path
) -> None:
    file = tmp_path / "file"
    file.write_bytes(b"mine alone")
    for number in range(3):
        store.inject(Faults(rate=1, kinds=("reset-after",), method="POST", limit=1))
        object_store.upload(f"{ROOT}/lost/{number}", str(file), only_if_absent=True)
    assert any(request.status == 0 for request in store.requests), "answers were lost"


def test_an_object_has_a_size_until_it_is_removed(store: ObjectStore) -> None:
    path = store.put("size/a.bin", b"12345")
    assert storage.size_bytes(path) == 5
    for _ in range(2):  # a second time is no error
        storage.remove(path)
    assert storage.size_bytes(path) == -1
    assert not storage.exists(path)


def test_a_replaced_object_is_not_read_as_the_one_that_was_listed(store: ObjectStore) -> None:
    path = store.put("listed/a.bin", b"old")
    (listed,) = object_store.list_objects(f"{ROOT}/listed")
    with storage.open_input(path, listed.generation) as stream:
        assert stream.read() == b"old"
    store.put("listed/a.bin", b"new")
    with pytest.raises(StorageError), storage.open_input(path, listed.generation) as stream:
        stream.read()


def test_a_folder_is_uploaded_when_it_is_whole_and_its_last_file_comes_last(
    store: ObjectStore,
) -> None:
    folder = f"{ROOT}/folder"
    for fails in (True, False):
        with (
            contextlib.suppress(RuntimeError),
            storage.open_output_folder(folder, "b.txt") as place,
        ):
            for name in ("a.txt", "b.txt", "deep/c.txt"):
                storage.write_bytes(storage.join(place, name), name.encode())
            assert store.objects("folder/") == {}
            if fails:
                raise RuntimeError
    assert store.objects("folder/") == {
        f"folder/{name}": name.encode() for name in ("a.txt", "b.txt", "deep/c.txt")
    }
    newest = max(object_store.list_objects(folder), key=lambda stored: stored.created)
    assert newest.path == f"{folder}/b.txt"


@pytest.mark.parametrize(
    ("path", "expected"),
    [("here/a", True), ("here/a/b", True), ("here/a/b/c.txt", True), ("here/a-b", True),
     ("here/a/b/c", False), ("here/x", False), ("her", False)],
)  # fmt: skip
def test_folders_exist_by_what_is_under_them(store: ObjectStore, path: str, expected: bool) -> None:
    for name in ("here/a", "here/a-b", "here/a/b/c.txt"):
        store.put(name, b"")
    store.clear_log()
    assert storage.exists(f"{ROOT}/{path}") is expected
    assert len(store.requests) == 1


def test_a_glob_stays_within_a_name_and_is_sorted(store: ObjectStore) -> None:
    for name in ("glob/b.txt", "glob/a.txt", "glob/c.md", "glob/deep/d.txt", "glob/[x].txt"):
        store.put(name, b"")
    assert storage.list_files(f"{ROOT}/glob/*.txt") == [
        f"{ROOT}/glob/{name}.txt" for name in ("[x]", "a", "b")
    ]
    assert storage.list_files(f"{ROOT}/glob/[[]x].txt") == [f"{ROOT}/glob/[x].txt"]
    assert storage.list_files(f"{ROOT}/glob/*/*") == [f"{ROOT}/glob/deep/d.txt"]


def test_a_listing_has_sizes_and_checksums_of_any_number_of_files(store: ObjectStore) -> None:
    for number in range(1005):
        store.put(f"many/{number:04d}.txt", b"x" * number)
    store.clear_log()
    listed = list(object_store.list_objects(f"{ROOT}/many"))
    assert [item.size_bytes for item in listed] == list(range(1005))
    assert all(item.md5 and item.crc32c and item.generation for item in listed)
    assert len(store.requests) <= 2, "at most one for each 1,000 files, and one more"
    storage.remove_tree(f"{ROOT}/many")
    assert store.objects("many/") == {}


@pytest.mark.parametrize("kind", [*STATUS_FAULTS, "reset-before", "reset-after", "cut-body"])
def test_three_of_ten_requests_may_fail(store: ObjectStore, kind: str) -> None:
    store.inject(Faults(rate=0.3, kinds=(kind,), seed=3))
    for number in range(8):
        path = f"{ROOT}/faults-{kind}/{number}"
        storage.write_bytes(path, bytes([number]) * 100_000)
        assert storage.read_bytes(path) == bytes([number]) * 100_000
        assert storage.exists(path)
    assert any(request.fault for request in store.requests), "faults were injected"


def test_a_failure_without_end_is_reported_within_the_time_that_is_set(
    store: ObjectStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(requests.TIMEOUT_VARIABLE, "3")
    store.put("down/a.txt", b"x")
    store.inject(Faults(rate=1.0, kinds=("503",)))
    for action, verb in (
        (lambda: storage.read_bytes(f"{ROOT}/down/a.txt"), "read"),
        (lambda: storage.write_bytes(f"{ROOT}/down/a.txt", b"y"), "written"),
        (lambda: storage.exists(f"{ROOT}/down/a.txt"), "looked up"),
        (lambda: storage.list_files(f"{ROOT}/down/*"), "listed"),
    ):
        began = time.monotonic()
        with pytest.raises(StorageError) as caught:
            action()
        assert time.monotonic() - began < 15
        message = str(caught.value)
        assert message.startswith(f"{ROOT}/down/"), message
        assert f"cannot be {verb}" in message
        assert "attempts within 3 seconds" in message
        assert requests.TIMEOUT_VARIABLE in message


def test_a_missing_bucket_or_object_is_a_sentence(store: ObjectStore) -> None:
    with pytest.raises(StorageError, match=r"gs://no-such-bucket/x: cannot be read.*no-such"):
        storage.read_bytes("gs://no-such-bucket/x")
    with pytest.raises(StorageError, match=r"listed, because it does not exist"):
        storage.list_files("gs://no-such-bucket/*")
    with pytest.raises(StorageError, match=rf"{ROOT}/none: cannot be read"):
        storage.read_bytes(f"{ROOT}/none")


def test_other_schemes_and_times_that_are_none_are_refused(
    store: ObjectStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(InputError, match="s3://a/b: only local paths and gs:// are supported"):
        storage.read_bytes("s3://a/b")
    monkeypatch.setenv(requests.TIMEOUT_VARIABLE, "soon")
    with pytest.raises(InputError, match="number of seconds above 0"):
        storage.read_bytes(f"{ROOT}/a")


def test_tensorflow_reads_what_we_write(store: ObjectStore) -> None:
    storage.write_bytes(f"{ROOT}/tf/a.txt", b"ours")
    script = (
        "import sys, tensorflow as tf; from core import storage; g = tf.io.gfile;"
        "print(g.GFile(sys.argv[1] + '/a.txt', 'rb').read());"
        "g.GFile(sys.argv[1] + '/b.txt', 'wb').write(b'theirs');"
        "print(storage.read_bytes(sys.argv[1] + '/b.txt'))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, f"{ROOT}/tf"], capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == ["b'ours'", "b'theirs'"]


@pytest.mark.parametrize(
    ("name", "remedy"),
    [
        ("NotFoundError", "Check the name"),
        ("PermissionDeniedError", "roles/storage.objectAdmin"),
        ("UnavailableError", "Run again"),
        ("FailedPreconditionError", "credentials"),
    ],
)
def test_errors_of_tensorflow_about_objects_become_sentences(name: str, remedy: str) -> None:
    import tensorflow as tf

    kind = getattr(tf.errors, name)
    error = kind(None, None, "Error executing an HTTP request\n\t when reading gs://b/x/y.gz")
    message = requests.explain_foreign_error(error)
    assert message is not None
    assert message.startswith("gs://b/x/y.gz: Error executing an HTTP request. ")
    assert remedy in message
    assert requests.explain_foreign_error(kind(None, None, "a worker is gone")) is None


# What Beam raises: its own error, a service's error, and what a worker process sends as text.
@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "Match failed: {'gs://b/x/Split-train/*': BeamIOError(\"{'gs://b/x/Split-train/': "
            "Forbidden('GET https://storage.googleapis.com/storage/v1/b/b/o?prefix=x: no')}\")}",
            "gs://b/x/Split-train: the request failed (Forbidden). Grant this account the role",
        ),
        (
            "404 GET https://storage.googleapis.com/download/storage/v1/b/b/o/x%2Fy.gz?alt=media: "
            "NotFound: none",
            "gs://b/x/y.gz: the request failed (NotFound). Check the name",
        ),
        (
            "Traceback:\n  File a.py\ngoogle.api_core.exceptions.RetryError: Timeout of 120.0s "
            "exceeded, last exception: 503 GET https://storage.googleapis.com/storage/v1/b/b/o?x",
            "gs://b: the request failed (RetryError). Run again",
        ),
        (
            "Traceback:\n  File a.py\ncore.errors.StorageError: gs://b/x: cannot be written. Do "
            "this. [while running 'Work']\n\n",
            "gs://b/x: cannot be written. Do this.",
        ),
    ],
)
def test_errors_of_beam_about_objects_become_sentences(text: str, message: str) -> None:
    explained = requests.explain_foreign_error(RuntimeError(text))
    assert explained is not None
    assert explained.startswith(message)


def test_errors_about_anything_else_keep_their_traceback() -> None:
    for text in ("Forbidden: a door", "gs://b/x has no header", "NotFoundError: no local file"):
        assert requests.explain_foreign_error(RuntimeError(text)) is None
