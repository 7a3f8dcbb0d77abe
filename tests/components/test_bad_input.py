"""Every kind of bad text, vocabulary and record is refused with a message, or is counted.

Each case goes through the whole component that meets it first. Its parts have tests of their own,
with more cases (tests/components/text_example_gen, tests/trainer, tests/faults/test_fuzz.py).
"""

import codecs
import gzip
import os
import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from components.instance_gen.write_shard import write_shard
from components.instance_gen.writing.plan import ShardContext, count_slots, plan_units
from components.instance_gen.writing.publish import check_counts
from components.records import RecordError, read_records
from components.settings import InstanceSettings
from components.text_example_gen.reading.check_text import check_text
from components.text_settings import TextSettings
from core.errors import InputError
from core.manifest import read_manifest, verify_shards
from core.vocabulary.vocabulary import load_vocabulary
from tests.components.instance_export.folders import write_instances
from tests.components.instance_gen.folders import write_documents, write_vocabulary
from tests.components.text_example_gen.test_write_documents import write
from tests.real_text import ENGLISH, KOREAN
from trainer.input.instances import open_instances
from trainer.settings.masking import MaskingSettings

GOOD = "\n\n".join("\n".join(document) for document in ENGLISH[:40]).encode()
KOREAN_TEXT = "\n".join(KOREAN[0])
BOMB = gzip.compress(b"a\n" * (16 << 20))
ZIPPED = gzip.compress(GOOD, mtime=0)  # no time in it: each test worker must collect the same tests


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    """A folder with good text, to which a test adds bad text."""
    (tmp_path / "corpus").mkdir()
    (tmp_path / "corpus" / "good.txt").write_bytes(GOOD)
    return tmp_path / "corpus"


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.txt", b"fine\nab\xff", r"a\.txt:2:3: byte 0xff is not UTF-8"),
        ("a.txt", "데".encode()[:2], r"a\.txt:1:1: .*unexpected end of data"),
        ("a.txt", b"a\xc0\xaf", r"a\.txt:1:2: byte 0xc0"),
        ("a.txt", b"a\xed\xa0\x80", r"a\.txt:1:2: byte 0xed"),
        ("a.txt", KOREAN_TEXT.encode("cp949"), r"a\.txt:1:\d+: .*looks like CP949/EUC-KR: iconv"),
        ("a.txt", KOREAN_TEXT.encode("utf-16"), r"a\.txt:1: .*looks like UTF-16.*iconv"),
        ("a.txt", ENGLISH[0][0].encode("utf-16-be"), r"a\.txt:1: .*looks like UTF-16"),
        (
            "a.txt",
            b"one\n" + b"x" * 3_000_000,
            r"a\.txt:2: longer than 1,048,576 bytes.*its own line",
        ),
        ("a.txt.gz", BOMB, r"a\.txt\.gz: expands to more than 200 bytes per compressed byte"),
        ("a.txt.gz", ZIPPED[:-9], r"a\.txt\.gz: the gzip data is cut short"),
    ],
)
def test_a_bad_file_is_refused(
    corpus: Path, tmp_path: Path, name: str, content: bytes, message: str
) -> None:
    (corpus / name).write_bytes(content)
    with pytest.raises(InputError, match=message) as caught:
        write(corpus, tmp_path / "out")
    remedies = r"(Fix|Convert|Copy|Exclude|iconv|give it a name|raise|set) ?"
    assert re.search(remedies, str(caught.value))
    assert not (tmp_path / "out" / "manifest.json").exists()


@pytest.mark.parametrize(
    "content",
    [
        b"fine\nab\xff",
        KOREAN_TEXT.encode("cp949"),
        KOREAN_TEXT.encode("utf-16"),
        b"\xed\xa0\x80",
        b"fine\n" + b"one two " * 200_000 + b"\nfine\n",
    ],
    ids=["byte", "cp949", "utf-16", "surrogate", "long line"],
)
def test_a_bad_line_is_reported_before_anything_slow_starts(corpus: Path, content: bytes) -> None:
    settings = TextSettings()
    check_text(str(corpus), ["*"], settings)
    (corpus / "a.txt").write_bytes(content)
    if not content.startswith(codecs.BOM_UTF16):  # skipping lines does not help there
        check_text(str(corpus), ["*"], settings.model_copy(update={"on_bad_line": "skip"}))
    with pytest.raises(InputError, match=r"a\.txt:\d"):
        check_text(str(corpus), ["*"], settings)


@pytest.mark.parametrize(
    ("content", "counter", "number"),
    [
        (b"a\x00b\x07 c\x7f\n\nd \xc2\x80e\n", "control_characters", 4),
        (b"\xef\xbb\xbfThe first line.\n", "byte_order_marks", 1),
        ("one\u2028two\u2029three\x85four\n".encode(), "line_separators", 3),
        (b"", "empty_files", 1),
        ("\n \n\t\n\u3000\n".encode(), "empty_files", 1),
        (GOOD.split(b"\n\n")[0], "duplicate_documents", 1),
    ],
)
def test_text_that_can_be_cleaned_is_counted(
    corpus: Path, tmp_path: Path, content: bytes, counter: str, number: int
) -> None:
    (corpus / "a.txt").write_bytes(content)
    manifest = write(corpus, tmp_path / "out")
    assert manifest.counts["all"][counter] == number


def test_line_ends_of_any_system_give_equal_bytes(tmp_path: Path) -> None:
    digests = set()
    for number, end in enumerate((b"\n", b"\r\n", b"\r")):
        folder = tmp_path / str(number)
        folder.mkdir()
        (folder / "a.txt").write_bytes(GOOD.replace(b"\n", end))
        manifest = write(folder, tmp_path / f"out{number}")
        digests.add(tuple(s.sha256 for shards in manifest.shards.values() for s in shards))
    assert len(digests) == 1


def test_a_skipped_line_is_counted_and_too_many_are_refused(corpus: Path, tmp_path: Path) -> None:
    (corpus / "a.txt").write_bytes(b"fine\nab\xff\n")
    manifest = write(corpus, tmp_path / "out", on_bad_line="skip", max_bad_fraction=0.1)
    assert manifest.counts["all"]["bad_encoding"] == 1
    with pytest.raises(InputError, match=r"more than text.max_bad_fraction .*a\.txt:2:3"):
        write(corpus, tmp_path / "two", on_bad_line="skip", max_bad_fraction=0.0001)


def link_out(folder: Path) -> None:
    (folder.parent / "outside.txt").write_bytes(GOOD)
    (folder / "a.txt").symlink_to(folder.parent / "outside.txt")


def loop(folder: Path) -> None:
    (folder / "a.txt").symlink_to(folder / "b.txt")
    (folder / "b.txt").symlink_to(folder / "a.txt")


def pipe(folder: Path) -> None:
    os.mkfifo(folder / "a.txt")


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (link_out, r"a\.txt: the link leads out of .*Copy the file into the folder"),
        (loop, r"[ab]\.txt: the link leads nowhere\. Fix it"),
        (pipe, r"a\.txt: not a regular file but a pipe.*Exclude it"),
    ],
)
def test_links_and_pipes_are_refused_without_blocking(
    corpus: Path, tmp_path: Path, make: Callable[[Path], None], message: str
) -> None:
    make(corpus)
    with pytest.raises(InputError, match=message):
        write(corpus, tmp_path / "out")


def test_two_names_of_one_file_are_counted_as_duplicates(corpus: Path, tmp_path: Path) -> None:
    os.link(corpus / "good.txt", corpus / "again.txt")
    manifest = write(corpus, tmp_path / "out")
    assert manifest.counts["all"]["duplicate_documents"] == 40
    (corpus / "a\u202egpj.txt\n").write_bytes(b"ab\xff")
    with pytest.raises(InputError, match=r"a\\u202egpj\.txt\\n:1:3"):
        write(corpus, tmp_path / "two")


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ({}, r"No file matches '\*' in "),
        ({"a.txt": b""}, r"1 file without a single sentence\. Give text"),
        ({"a.txt": b"one.\ntwo.\n"}, r"No document falls into the (train|eval) split.*blank line"),
    ],
)
def test_an_empty_corpus_is_refused(tmp_path: Path, files: dict[str, bytes], message: str) -> None:
    (tmp_path / "c").mkdir()
    for name, content in files.items():
        (tmp_path / "c" / name).write_bytes(content)
    with pytest.raises(InputError, match=message):
        write(tmp_path / "c", tmp_path / "out")


def test_a_huge_document_is_cut_and_all_its_parts_are_used(tmp_path: Path) -> None:
    (tmp_path / "c").mkdir()
    (tmp_path / "c" / "a.txt").write_bytes(GOOD.replace(b"\n\n", b"\n"))
    manifest = write(tmp_path / "c", tmp_path / "out", max_document_bytes=4096, eval_fraction=0.3)
    assert manifest.counts["all"]["cut_documents"] > 2
    assert all(manifest.counts[split]["documents"] for split in ("train", "eval"))


@pytest.mark.parametrize(
    ("documents", "message"),
    [
        ([ENGLISH[0]], r"'train' has a single document.*objective=none"),
        ([ENGLISH[0]] * 3, r"All documents of a split have the same content.*objective=none"),
        ([[s] for s in ENGLISH[0]], r"7 of the 7 documents .* have one sentence.*blank lines"),
    ],
)
def test_text_without_pairs_is_refused(
    tmp_path: Path, documents: list[list[str]], message: str
) -> None:
    with pytest.raises(InputError, match=message):
        counts, _ = instances_of(tmp_path, documents)
        check_counts("train", counts)


def instances_of(
    folder: Path, documents: list[list[str]], **settings: object
) -> tuple[dict[str, int], list[list[int]]]:
    """The counts of one shard of dynamic instances, and the ids of each instance."""
    import tensorflow as tf

    source = write_documents(folder / "documents", {"train": [documents]})
    vocabulary = load_vocabulary(str(write_vocabulary(folder / "words")))
    chosen = InstanceSettings.model_validate({"form": "dynamic", "seq_length": 64, **settings})
    context = ShardContext(
        output=str(folder / "out"),
        scratch=str(folder / "scratch"),
        vocabulary=vocabulary.folder,
        vocabulary_digest=vocabulary.digest,
        settings=chosen,
        masking=MaskingSettings(),
        max_predictions=count_slots(chosen, MaskingSettings()),
        seed=1,
    )
    (unit,) = plan_units(str(source), read_manifest(str(source)), ["train"], chosen)
    result = write_shard(context, unit)
    ids = []
    for record in read_records(str(folder / "out" / result["shard"]["path"])):
        example = tf.train.Example.FromString(record)
        ids.append(list(example.features.feature["input_ids"].int64_list.value))
    return result["counts"], ids


@pytest.mark.parametrize(
    ("sentence", "counter", "least"),
    [
        (" ".join(["statement"] * 200), "overlong_sentences", 1),
        (" ".join(["語"] * 20), "unknown_tokens", 20),
    ],
)
def test_a_sentence_that_the_model_cannot_see_whole_is_counted(
    tmp_path: Path, sentence: str, counter: str, least: int
) -> None:
    documents = [[sentence, *ENGLISH[0]], ENGLISH[1]]
    counts, ids = instances_of(tmp_path, documents, objective="none")
    assert counts[counter] >= least
    assert max(map(len, ids)) <= 64


def test_names_of_special_tokens_in_the_text_are_plain_text(tmp_path: Path) -> None:
    hostile = ["The [MASK] and the [CLS] stand [SEP] in [PAD] a text.", *ENGLISH[0][:2]]
    _, ids = instances_of(tmp_path, [hostile, ENGLISH[1][:3]], objective="contiguous")
    vocabulary = load_vocabulary(str(tmp_path / "words"))
    for row in ids:
        assert row[0] == vocabulary.cls_id
        assert not {vocabulary.mask_id, vocabulary.pad_id, vocabulary.cls_id} & set(row[1:])
        assert row.count(vocabulary.sep_id) <= 2


@pytest.fixture(scope="module")
def instances(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_instances(tmp_path_factory.mktemp("instances"), "static", "next_sentence")


def test_every_flipped_bit_and_every_cut_is_detected(instances: Path) -> None:
    manifest = read_manifest(str(instances))
    path = instances / manifest.shards["eval"][0].path
    whole, rng = path.read_bytes(), np.random.default_rng(0)
    try:
        for trial in range(100):
            place, damaged = rng.integers(len(whole)), bytearray(whole)
            damaged[place] ^= 1 << rng.integers(8)
            path.write_bytes(damaged if trial % 2 else whole[:place])
            with pytest.raises(InputError, match=r"instances-.*: its content is not what was"):
                verify_shards(str(instances), manifest)
    finally:
        path.write_bytes(whole)


@pytest.mark.parametrize("place", [3, 9, 100, -2], ids=["length", "its crc", "data", "data's crc"])
@pytest.mark.parametrize("is_cut", [False, True], ids=["altered", "cut"])
def test_without_a_manifest_a_damaged_record_is_named(
    instances: Path, tmp_path: Path, place: int, is_cut: bool
) -> None:
    path = read_manifest(str(instances)).shards["eval"][0].path
    content = bytearray(gzip.decompress((instances / path).read_bytes()))
    content[place] ^= 1
    cut = content[: place % len(content)]
    (tmp_path / "a.tfrecord").write_bytes(cut if is_cut else content)
    with pytest.raises(RecordError, match=r"a\.tfrecord: record \d+ .*Delete"):
        list(read_records(str(tmp_path / "a.tfrecord")))


def test_instances_of_another_vocabulary_are_refused(instances: Path, tmp_path: Path) -> None:
    manifest = read_manifest(str(instances))
    other = manifest.model_copy(update={"facts": {**manifest.facts, "vocabulary_digest": "0" * 64}})
    content = (instances / "manifest.json").read_bytes()
    try:
        (instances / "manifest.json").write_text(other.model_dump_json(), encoding="utf-8")
        digest = str(manifest.facts["vocabulary_digest"])
        with pytest.raises(InputError, match=rf"vocabulary_digest is 0{{64}} .* and {digest} in"):
            open_instances(str(instances))
    finally:
        (instances / "manifest.json").write_bytes(content)
