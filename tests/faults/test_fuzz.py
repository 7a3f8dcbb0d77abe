"""Any input bytes give a result or one of Textmill's errors; cases that were found are kept."""

import copy
import gzip
import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import safetensors.numpy
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from components.records import read_records, write_records
from components.text_example_gen.documents import encode_document
from core.errors import InputError
from core.manifest import MANIFEST, Manifest, read_manifest
from core.vocabulary.vocabulary import load_vocabulary
from pipelines.recipe.file import load_recipe
from tests.faults.lane import FULL, RECIPE
from tests.fuzz import targets
from tests.fuzz.targets import (
    CONFIG_OF_A_BERT,
    import_a_vocabulary,
    read_document,
    read_text,
    read_vocabulary,
)
from tests.real_text import ENGLISH, KOREAN
from tests.small_vocabulary import write_small_vocabulary

CASES = Path(targets.__file__).with_name("cases")
fuzzed = settings(
    max_examples=20_000 if FULL else 200,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
PIECES = [
    b"\n", b"\r\n", b"\r", b"\n\n", b" ", b"\t", b"\x00", b"\x1b[31m", b"\xff", b"\xc0\xaf",
    b"\xed\xa0\x80", b"\xe2\x80\xa8", b"\xef\xbb\xbf", b"\xff\xfe", b"\x1f\x8b", b"\xea\xb0",
    "한국어 문장입니다. ".encode(), "ａ\u0301Å".encode(), b"A sentence. ", b"Dr. Who said: \"x.\" ",
    "\u202e".encode(), "\U0001f600".encode(), b"x" * 70, b"[MASK]", "ﷺ".encode(), "\u3000".encode(),
]  # fmt: skip
pieces_of_text = st.lists(st.one_of(st.sampled_from(PIECES), st.binary(max_size=6)), max_size=40)
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=6),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner),
    max_leaves=6,
)


@fuzzed
@given(
    pieces=pieces_of_text,
    form=st.sampled_from(["lines", "prose"]),
    bad=st.sampled_from(["fail", "skip"]),
    zipped=st.booleans(),
)
@example(pieces=[b"\x1f\x8b"], form="lines", bad="skip", zipped=False)
def test_the_reader_returns_clean_sentences_or_raises_our_error(
    pieces: list[bytes], form: str, bad: str, zipped: bool, tmp_path: Path
) -> None:
    path = tmp_path / ("a.txt.gz" if zipped else "a.txt")
    content = b"".join(pieces)
    path.write_bytes(gzip.compress(content, 1) if zipped else content)
    read_text(path, form=form, bad=bad)


@pytest.fixture(scope="module")
def shard(tmp_path_factory: pytest.TempPathFactory) -> tuple[bytes, list[bytes]]:
    """The bytes of a real shard, and its records."""
    folder = tmp_path_factory.mktemp("shard")
    documents = [*ENGLISH[:6], *KOREAN[:6]]
    records = [encode_document(f"{n:032x}", d, "a.txt") for n, d in enumerate(documents)]
    write_records(str(folder), "a.tfrecord.gz", records)
    return (folder / "a.tfrecord.gz").read_bytes(), records


@fuzzed
@given(at=st.floats(0, 1), change=st.sampled_from(["flip", "cut", "insert", "remove", "repeat"]),
       bit=st.integers(0, 7), unzipped=st.booleans())  # fmt: skip
def test_a_damaged_shard_yields_its_own_records_or_raises_our_error(
    at: float,
    change: str,
    bit: int,
    unzipped: bool,
    shard: tuple[bytes, list[bytes]],
    tmp_path: Path,
) -> None:
    """Damage the gzip stream, or its content, which TFRecord's CRCs protect."""
    content, records = shard
    content = gzip.decompress(content) if unzipped else content
    place = min(int(at * len(content)), len(content) - 1)
    damaged = {
        "flip": content[:place] + bytes([content[place] ^ 1 << bit]) + content[place + 1 :],
        "cut": content[:place],
        "insert": content[:place] + b"\x00" + content[place:],
        "remove": content[:place] + content[place + 1 :],
        "repeat": content[:place] + content[max(0, place - 30) : place] + content[place:],
    }[change]
    path = tmp_path / ("a.tfrecord" if unzipped else "a.tfrecord.gz")
    path.write_bytes(damaged)
    read: list[bytes] = []
    try:
        for record in read_records(str(path)):
            read.append(record)
    except InputError as error:
        assert str(path) in str(error)
        assert f"record {len(read)}" in str(error)
        assert "run again" in str(error)
    assert read == records[: len(read)]


@fuzzed
@given(st.binary(max_size=80))
@example(b"")
@example(b"\n\xff\xff\xff\xff\xff\x0f")
def test_an_invalid_document_record_raises_our_error(record: bytes) -> None:
    read_document(record)


@pytest.fixture(scope="module")
def vocabulary_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("vocabulary")
    return write_small_vocabulary(folder)


@fuzzed
@given(data=st.data())
def test_a_damaged_vocabulary_loads_or_raises_our_error(
    data: st.DataObject, vocabulary_folder: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "vocabulary"
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(vocabulary_folder, folder)
    (folder / MANIFEST).unlink(missing_ok=True)  # which would detect every change by its digest
    name = data.draw(st.sampled_from(sorted(path.name for path in folder.iterdir())))
    path = folder / name
    if name.endswith(".json") and data.draw(st.booleans()):
        content = json.loads(path.read_text(encoding="utf-8"))
        path.write_text(json.dumps(replace_a_value(data, content)), encoding="utf-8")
    else:
        path.write_bytes(change_bytes(data, path.read_bytes()))
    read_vocabulary(folder)
    import_a_vocabulary(folder)


def test_a_tokenizer_whose_step_has_no_type_is_refused(
    vocabulary_folder: Path, tmp_path: Path
) -> None:
    """Found by fuzzing: the `tokenizers` library accepts such a file."""
    folder = tmp_path / "vocabulary"
    shutil.copytree(vocabulary_folder, folder)
    (folder / MANIFEST).unlink(missing_ok=True)
    path = folder / "tokenizer.json"
    content = json.loads(path.read_text(encoding="utf-8"))
    del content["normalizer"]["type"]
    path.write_text(json.dumps(content), encoding="utf-8")
    with pytest.raises(InputError, match="`tokenizers` library cannot read it"):
        load_vocabulary(str(folder))


def replace_a_value(data: st.DataObject, content: Any) -> Any:
    """Replace or remove one value anywhere in JSON."""
    content = copy.deepcopy(content)
    at = content
    while True:
        keys = list(at) if isinstance(at, dict) else list(range(len(at)))
        key = keys[data.draw(st.integers(0, len(keys) - 1))]
        inner = at[key]
        if isinstance(inner, dict | list) and inner and data.draw(st.booleans()):
            at = inner
            continue
        if data.draw(st.booleans()):
            del at[key]
        else:
            at[key] = data.draw(json_values)
        return content


def change_bytes(data: st.DataObject, content: bytes) -> bytes:
    """Replace a slice of bytes by other bytes."""
    begin = data.draw(st.integers(0, len(content)))
    end = min(len(content), begin + data.draw(st.integers(0, 40)))
    return content[:begin] + data.draw(st.binary(max_size=8)) + content[end:]


@fuzzed
@given(data=st.data())
def test_a_damaged_model_folder_loads_or_raises_our_error(
    data: st.DataObject, tmp_path: Path
) -> None:
    changed = replace_a_value(data, CONFIG_OF_A_BERT)
    targets.model(b"\0" + json.dumps(changed).encode(), tmp_path)
    weights = safetensors.numpy.save({"a": np.zeros((2, 3), np.float32)})
    targets.model(b"\1" + change_bytes(data, weights), tmp_path)


@fuzzed
@given(data=st.data())
def test_a_damaged_manifest_loads_or_raises_our_error(data: st.DataObject, tmp_path: Path) -> None:
    shards = {"train": [{"path": "a", "records": 1, "size_bytes": 2, "sha256": "00"}]}
    content = {"kind": "documents", "shards": shards, "counts": {"train": {"n": 1}}, "facts": {}}
    raw = json.dumps(replace_a_value(data, content)).encode()
    if data.draw(st.booleans()):
        raw = change_bytes(data, raw)
    (tmp_path / MANIFEST).write_bytes(raw)
    try:
        assert isinstance(read_manifest(str(tmp_path)), Manifest)
    except InputError as error:
        assert str(tmp_path) in str(error)


RECIPE_LINES = Path(RECIPE).read_text(encoding="utf-8").splitlines()
YAML_PIECES = [
    "2020-13-45", "2020-01-01 25:61:61", "!!python/object:os.system", "!!binary x", "&a [*a]",
    "{a: 1, a: 2}", "[[[[", "? [1]\n: 2", "0x", "1:99", ".nan", ".inf", "-.inf", "1e999", "~", "''",
    "<<: {a: 1}", "!!set {a}", "!!omap [a: 1]", "!!int x", "!!float x", "!!timestamp x", "\x85",
    "!!bool x", "=", "- - -", "%YAML 9.9", "---", "...", "\t", "null", "0o8", "1_0", "+", "\u2028",
    "9" * 400, "!!int 0b2", "!!int ''", "!!float ''", "!<x> y", "|+9", ">\n x", "'", '"\\x', "@",
    "`",
]  # fmt: skip


@fuzzed
@given(
    line=st.integers(0, len(RECIPE_LINES) - 1),
    value=st.one_of(st.sampled_from(YAML_PIECES), st.text(max_size=12)),
    keep=st.booleans(),
)
def test_a_damaged_recipe_loads_or_raises_our_error(
    line: int, value: str, keep: bool, tmp_path: Path
) -> None:
    lines = list(RECIPE_LINES)
    lines[line] = f"{lines[line].partition(':')[0]}: {value}" if keep else value
    path = tmp_path / "recipe.yaml"
    path.write_bytes("\n".join(lines).encode("utf-8", "surrogatepass"))
    try:
        load_recipe(str(path))
    except InputError as error:
        assert str(error)


@fuzzed
@given(key=st.sampled_from(["trainer.steps", "seed", "text", "", ".", "a.b.c", "trainer..steps"]),
       value=st.one_of(st.sampled_from(YAML_PIECES), st.text(max_size=12)))  # fmt: skip
def test_an_override_is_accepted_or_raises_our_error(key: str, value: str) -> None:
    try:
        load_recipe(RECIPE, [f"{key}={value}"])
    except InputError as error:
        assert str(error)


KEPT = sorted(path for path in CASES.rglob("*") if path.is_file())


@pytest.mark.parametrize("path", KEPT, ids=lambda path: f"{path.parent.name}-{path.name[:14]}")
def test_a_case_that_the_fuzzer_found_stays_fixed(path: Path, tmp_path: Path) -> None:
    targets.TARGETS[path.parent.name](path.read_bytes(), tmp_path)


def test_a_deeply_nested_recipe_raises_our_error(tmp_path: Path) -> None:
    path = tmp_path / "recipe.yaml"
    path.write_text("name: " + "[" * 1_500, encoding="utf-8")
    with pytest.raises(InputError):
        load_recipe(str(path))
    with pytest.raises(InputError):
        load_recipe(RECIPE, ["seed=" + "[" * 1_500])
