"""Text on an object store: found by one listing, read in the versions of that listing."""

import bz2
import gzip
import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from components.downstream_evaluator.read_task import read_task
from components.text_example_gen.reading.errors import CorpusError
from components.text_example_gen.reading.find_files import find_files
from components.text_example_gen.reading.fingerprint import fingerprint
from components.text_example_gen.reading.list_remote import list_once
from components.text_example_gen.reading.read_documents import DocumentReader
from components.text_example_gen.writing.runs import Entry, RunWriter, read_range
from components.text_settings import TextSettings
from core.errors import InputError
from pipelines.local.text_location import locate_and_check, locate_text
from pipelines.workdir import WorkdirError, claim_remote, open_workdir
from tests.components.downstream_evaluator.tasks import (
    settings_of,
    write_plurals,
    write_polarity,
    write_same,
)
from tests.object_store.server import BUCKET, ObjectStore

NAMES = ("a.txt", "b.md", "week-1/a.txt", "week-1/deep/c.txt.gz", "week-2/a.txt", ".hidden/a.txt")


@pytest.fixture
def folders(store: ObjectStore, tmp_path: Path) -> tuple[str, str]:
    """The same text on the object store and in a local folder."""
    for name in NAMES:
        content = f"Text of {name}.\n".encode()
        content = gzip.compress(content, mtime=0) if name.endswith(".gz") else content
        path = tmp_path / "corpus" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        store.put(f"{tmp_path.name}/corpus/{name}", content)
    store.put(f"{tmp_path.name}/corpus-2/other.txt", b"not of this corpus")
    store.clear_log()
    return f"gs://{BUCKET}/{tmp_path.name}/corpus", str(tmp_path / "corpus")


@pytest.mark.parametrize(
    "patterns",
    [["**"], ["*"], ["*.txt"], ["**/*.txt"], ["week-1"], ["week-1/*", "*.md"], ["week-?/a.txt"],
     [".hidden/*"], ["week-1/**", "week-1/deep"], ["a.txt"]],
)  # fmt: skip
def test_patterns_match_as_in_a_local_folder_and_cost_one_request(
    store: ObjectStore, folders: tuple[str, str], patterns: list[str]
) -> None:
    remote, local = (find_files(folder, patterns) for folder in folders)
    assert [(f.name, f.size_bytes) for f in remote] == [(f.name, f.size_bytes) for f in local]
    fingerprint(remote)
    assert store.counts() == {"list": 1}


def test_a_hundred_files_cost_no_hundred_calls(store: ObjectStore) -> None:
    for number in range(1100):
        store.put(f"thousand/{number:04d}.txt", b"x")
    store.clear_log()
    with list_once():
        location = locate_text([f"gs://{BUCKET}/thousand"])
        for _ in range(2):  # the driver, then the executor
            files = find_files(location.base, location.patterns)
            fingerprint(files)
    assert len(files) == 1100
    assert set(store.counts()) == {"list"}
    assert len(store.requests) <= 2, "one for each 1,000 files"


def test_the_fingerprint_is_of_names_and_content_and_of_a_kind_of_its_own(
    store: ObjectStore, folders: tuple[str, str]
) -> None:
    remote, local = folders
    before = fingerprint(find_files(remote, ["**"]))
    assert before.startswith("store:")
    assert fingerprint(find_files(local, ["**"])).startswith("sha256:")
    name = f"{remote.removeprefix(f'gs://{BUCKET}/')}/a.txt"
    store.put(name, b"Text of a.txt.\n")
    assert fingerprint(find_files(remote, ["**"])) == before, "written again with equal content"
    store.put(name, b"Text of A.txt.\n")
    assert fingerprint(find_files(remote, ["**"])) != before


def test_the_digests_of_records_come_from_reading_as_in_a_local_folder(
    store: ObjectStore, folders: tuple[str, str]
) -> None:
    digests = []
    for folder in folders:
        reader = DocumentReader(TextSettings())
        documents = [list(reader.read(file)) for file in find_files(folder, ["**"])]
        assert all(documents)
        digests.append(reader.digests)
    assert digests[0] == digests[1]
    assert store.counts() == {"list": 1, "read": 5}


def test_records_are_read_in_ranges_as_in_a_local_folder(
    store: ObjectStore, tmp_path: Path
) -> None:
    rows = [{"text": f"Row {n}. {'x' * 50}", "other": f"{n}" * 3000} for n in range(3000)]
    pq.write_table(pa.Table.from_pylist(rows), tmp_path / "a.parquet", compression="none")
    jsonl = "".join(json.dumps(row) + "\n" for row in rows[:50]).encode()
    (tmp_path / "b.jsonl.zst").write_bytes(pa.compress(jsonl, "zstd", asbytes=True))
    folder = f"gs://{BUCKET}/{tmp_path.name}-records"
    for path in tmp_path.iterdir():
        store.put(f"{tmp_path.name}-records/{path.name}", path.read_bytes())
    read = []
    for place in (folder, str(tmp_path)):
        reader = DocumentReader(TextSettings())
        documents = [list(reader.read(file)) for file in find_files(place, ["**"])]
        read.append((documents, reader.digests))
    assert read[0] == read[1]
    assert [len(documents) for documents in read[0][0]] == [3000, 50]
    received = sum(request.received_bytes for request in store.requests)
    size = sum(path.stat().st_size for path in tmp_path.iterdir())
    assert size < received < 1.01 * size, "each byte is read once"


def test_an_object_that_was_replaced_after_the_listing_is_not_read(
    store: ObjectStore, folders: tuple[str, str]
) -> None:
    (file,) = find_files(folders[0], ["a.txt"])
    store.put(file.path.removeprefix(f"gs://{BUCKET}/"), b"Another text.\n")
    with pytest.raises(CorpusError, match=r"a\.txt: the object was replaced or removed after"):
        list(DocumentReader(TextSettings()).read(file))


@pytest.mark.parametrize(
    ("folder", "message"),
    [("gs://no-such-bucket/x", "no-such-bucket/x: no such bucket. Check its name"),
     (f"gs://{BUCKET}/no/such/folder", r"No file matches '\*\*' in gs://.*Check the folder")],
)  # fmt: skip
def test_a_missing_bucket_or_folder_is_a_corpus_error(
    store: ObjectStore, folder: str, message: str
) -> None:
    with pytest.raises(CorpusError, match=message):
        find_files(folder, ["**"])
    with pytest.raises(InputError, match="no such"):
        locate_text([folder])


def test_text_is_located_as_in_a_local_folder(store: ObjectStore, folders: tuple[str, str]) -> None:
    for names in (
        [""], ["/"], ["/a.txt"], ["/*.txt"], ["/week-{SPAN}/*.txt"], ["/week-1", "/*.md"],
        ["/week-1", "/week-2/a.txt"],
    ):  # fmt: skip
        remote, local = (locate_text([f"{folder}{x}" for x in names]) for folder in folders)
        assert remote.patterns == local.patterns
        assert remote.base.removeprefix(folders[0]) == local.base.removeprefix(folders[1])
    assert locate_text([f"gs://{BUCKET}/"]).base == f"gs://{BUCKET}"
    with pytest.raises(InputError, match="all text must be local, or all on gs://"):
        locate_text(list(folders))
    with pytest.raises(InputError, match=r"other/x: all text must be in one bucket\. Copy it"):
        locate_text([folders[0], "gs://other/x"])


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"%PDF-1.7 ...", r"a\.txt: looks like PDF, not text\. Extract its text first"),
        (b"PK\x03\x04 ...", r"a\.txt: looks like a zip archive"),
        (b"<!DOCTYPE html><p>Text.", r"a\.txt: looks like HTML, not text"),
        (gzip.compress(b"\x89PNG ..." * 99), r"a\.txt: looks like a PNG image"),
        ("Text.\n".encode("utf-16") * 99, r"a\.txt:1: the file looks like UTF-16"),
        (b"", r"1 file without a single sentence"),
    ],
)
def test_what_is_not_text_is_refused_before_the_run(
    store: ObjectStore, tmp_path: Path, content: bytes, message: str
) -> None:
    path = store.put(f"{tmp_path.name}-not/a.txt", content)
    with list_once(), pytest.raises(InputError, match=message):
        locate_and_check([path.rpartition("/")[0]], None, TextSettings())
    assert store.counts() == {"list": 1, **({"read": 1} if content else {})}


def test_a_few_files_are_looked_at_before_the_run(store: ObjectStore, tmp_path: Path) -> None:
    lines = b"".join(b"Line %d.\n" % n for n in range(40_000))
    contents = {".gz": gzip.compress(lines), ".bz2": bz2.compress(lines), ".txt": lines}
    for number in range(100):
        ending = [*contents][number % len(contents)]
        store.put(f"{tmp_path.name}-many/{number:03d}{ending}", contents[ending])
    with list_once():
        locate_and_check([f"gs://{BUCKET}/{tmp_path.name}-many"], None, TextSettings())
    assert store.counts() == {"list": 1, "read": 8}
    sizes = [request.received_bytes for request in store.requests if request.kind == "read"]
    assert max(sizes) < 68_000


def test_a_range_of_a_run_costs_its_own_bytes(store: ObjectStore) -> None:
    numbers = np.random.default_rng(3).integers(0, 1 << 32, 400)
    with RunWriter(f"gs://{BUCKET}/runs/00000") as run:
        for number in numbers.tolist():
            name = f"{number:08x}".ljust(32, "0")
            run.add(number % 2, Entry(name, "a.txt", 1, 1000, b"x" * 1000))
        paths = run.finish()
    store.clear_log()
    entries = [
        entry
        for split in range(2)
        for first in range(0, 1 << 14, 1 << 12)
        for entry in read_range(paths, split, first, first + (1 << 12))
    ]
    assert len(entries) == len(numbers)
    received = sum(request.received_bytes for request in store.requests)
    assert received <= 1.5 * sum(len(entry.record) for entry in entries)


def test_a_remote_workdir_is_refused_with_the_option_to_use(tmp_path: Path) -> None:
    with pytest.raises(WorkdirError, match=r"--workdir gs://b/x: a workdir is a local.*--root gs:"):
        open_workdir("gs://b/x")
    with pytest.raises(
        WorkdirError, match=r"--root there: only a gs://BUCKET/FOLDER.*use --workdir"
    ):
        open_workdir(str(tmp_path), "there")


def test_a_root_belongs_to_one_workdir(store: ObjectStore, tmp_path: Path) -> None:
    root = f"gs://{BUCKET}/owned"
    first, second = (open_workdir(str(tmp_path / name), root) for name in ("first", "second"))
    claim_remote(first)
    claim_remote(first)
    with pytest.raises(WorkdirError, match=rf"belongs to the workdir {first.root} on"):
        claim_remote(second)


def test_labeled_examples_are_read_from_the_store(store: ObjectStore, tmp_path: Path) -> None:
    tasks = [write_polarity(tmp_path), write_plurals(tmp_path), write_same(tmp_path)]
    for task in tasks:
        there = {}
        for split in ("train", "eval"):
            path = Path(task[split])
            store.put(f"{tmp_path.name}/{path.name}", path.read_bytes())
            there[split] = f"gs://{BUCKET}/{tmp_path.name}/{path.name}"
        remote, local = (read_task(settings_of(each)) for each in ({**task, **there}, task))
        assert (remote.train, remote.eval) == (local.train, local.eval)
    missing = {"train": f"gs://{BUCKET}/{tmp_path.name}/none.tsv"}
    with pytest.raises(InputError, match=r"none\.tsv: no such file"):
        read_task(settings_of(tasks[0], **missing))
