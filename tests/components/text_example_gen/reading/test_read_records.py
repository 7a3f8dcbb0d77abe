"""Records of files that other programs wrote become documents; bad ones are named or counted."""

import csv
import gzip
import json
import lzma
import subprocess
import sys
import tracemalloc
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from components.text_example_gen.documents import Document
from components.text_example_gen.reading.find_files import find_files
from components.text_example_gen.reading.read_documents import DocumentReader
from components.text_settings import TextSettings
from core.errors import InputError
from tests.programs import run_program
from tests.real_text import ENGLISH, KOREAN

DOCUMENTS = [*ENGLISH[:20], *KOREAN[:20]]
ROWS = [
    {"id": n, "url": f'https://example.org/{n}?a="b",c', "text": "\n".join(document)}
    for n, document in enumerate(DOCUMENTS)
]
JSONL = "".join(json.dumps(row) + "\n" for row in ROWS).encode()


def read(folder: Path, **settings: Any) -> tuple[list[Document], DocumentReader]:
    reader = DocumentReader(TextSettings(**{"form": "lines", **settings}))
    files = find_files(str(folder), ["*"])
    return [document for file in files for document in reader.read(file)], reader


def sentences(folder: Path, **settings: Any) -> list[list[str]]:
    return [list(document.sentences) for document in read(folder, **settings)[0]]


def put(folder: Path, name: str, content: bytes) -> Path:
    folder.mkdir(exist_ok=True)
    (folder / name).write_bytes(content)
    return folder


def put_csv(folder: Path, delimiter: str) -> Path:
    with (folder / "a.csv").open("w", newline="", encoding="utf-8") as stream:
        writer = csv.DictWriter(stream, list(ROWS[0]), delimiter=delimiter)
        writer.writeheader()
        writer.writerows(ROWS)
    return folder


def put_parquet(folder: Path, rows: list[dict[str, Any]] = ROWS, **options: Any) -> Path:
    pq.write_table(pa.Table.from_pylist(rows), folder / "a.parquet", **options)
    return folder


def test_jsonl_of_jq_is_read(tmp_path: Path) -> None:
    content = run_program(["jq", "-c", ".[]"], json.dumps(ROWS).encode())
    assert sentences(put(tmp_path, "a.jsonl", content)) == DOCUMENTS


@pytest.mark.parametrize("ending", [".gz", ".zst", ".bz2", ".xz"])
def test_compressed_jsonl_is_read(tmp_path: Path, ending: str) -> None:
    command = {".gz": "gzip", ".zst": "zstd", ".bz2": "bzip2", ".xz": "xz"}[ending]
    content = run_program([command, "-c"], JSONL)
    assert sentences(put(tmp_path, f"c4-train.00000.json{ending}", content)) == DOCUMENTS


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_csv_is_read_with_any_usual_delimiter(tmp_path: Path, delimiter: str) -> None:
    assert sentences(put_csv(tmp_path, delimiter)) == DOCUMENTS


def test_csv_with_a_byte_order_mark_and_crlf_is_read(tmp_path: Path) -> None:
    content = (put_csv(tmp_path, ";") / "a.csv").read_bytes().replace(b"\r\n", b"\n")
    put(tmp_path, "a.csv", b"\xef\xbb\xbf" + content.replace(b"\n", b"\r\n"))
    assert sentences(tmp_path, id_field="id") == DOCUMENTS


@pytest.mark.parametrize(
    "options",
    [{}, {"compression": "zstd"}, {"compression": "gzip"}, {"compression": "none"},
     {"row_group_size": 7}, {"use_dictionary": False, "data_page_size": 512}],
    ids=str,
)  # fmt: skip
def test_parquet_is_read(tmp_path: Path, options: dict[str, Any]) -> None:
    assert sentences(put_parquet(tmp_path, **options)) == DOCUMENTS


@pytest.mark.parametrize(
    "kind", [pa.string(), pa.large_string(), pa.binary(), pa.dictionary(pa.int32(), pa.string())]
)
def test_parquet_may_hold_its_text_in_any_type_of_text(tmp_path: Path, kind: pa.DataType) -> None:
    text = pa.array([row["text"] for row in ROWS])
    column = text.dictionary_encode() if pa.types.is_dictionary(kind) else text.cast(kind)
    pq.write_table(pa.table({"text": column}), tmp_path / "a.parquet")
    assert sentences(tmp_path) == DOCUMENTS


def test_a_folder_may_mix_the_formats(tmp_path: Path) -> None:
    (put_parquet(tmp_path) / "a.parquet").rename(tmp_path / "1.parquet")
    put(tmp_path, "2.ndjson", JSONL)
    (put_csv(tmp_path, ",") / "a.csv").rename(tmp_path / "3.csv")
    put(tmp_path, "4.txt.xz", lzma.compress("\n\n".join(map("\n".join, DOCUMENTS)).encode()))
    put(tmp_path, "part-00000", JSONL)
    assert sentences(tmp_path) == DOCUMENTS * 5


def test_the_text_of_a_record_is_split_as_prose_unless_the_form_says_otherwise(
    tmp_path: Path,
) -> None:
    put(tmp_path, "a.jsonl", b'{"text": "One. Two\\nlines.\\r\\n\\r\\nA paragraph."}')
    assert sentences(tmp_path, form=None) == [["One.", "Two lines.", "A paragraph."]]
    assert sentences(tmp_path, form="lines") == [["One. Two", "lines.", "A paragraph."]]
    split = sentences(tmp_path, form="lines", document_end="blank_line")
    assert split == [["One. Two", "lines."], ["A paragraph."]]


def test_a_name_wins_over_nothing_and_the_setting_over_the_name(tmp_path: Path) -> None:
    put(tmp_path, "a.txt", b'{"text": "One."}\n')
    assert sentences(tmp_path) == [['{"text": "One."}']]
    assert sentences(tmp_path, format="jsonl") == [["One."]]
    (tmp_path / "a.txt").rename(tmp_path / "a.jsonl")
    assert sentences(tmp_path, format="lines") == [['{"text": "One."}']]


@pytest.mark.parametrize("name", ["a.jsonl", "a.csv", "a.parquet"])
def test_id_and_metadata_are_kept_with_the_document(tmp_path: Path, name: str) -> None:
    if name == "a.jsonl":
        put(tmp_path, name, JSONL)
    put_csv(tmp_path, ",") if name == "a.csv" else None
    put_parquet(tmp_path) if name == "a.parquet" else None
    documents, _ = read(tmp_path, id_field="id", metadata_fields=("url",))
    assert [document.record_id for document in documents] == [str(row["id"]) for row in ROWS]
    assert [json.loads(document.metadata)["url"] for document in documents] == [
        row["url"] for row in ROWS
    ]
    assert documents[0].document_id == Document(tuple(DOCUMENTS[0])).document_id


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ("{'text': 1}", r"2: not JSON \(Expecting property name.*\)\. Fix the file, or set"),
        ("[" * 8000, r"2: not JSON"),
        ('{"text": ' + "1" * 5000 + "}", r"2: not JSON"),
        ('["text"]', r"2: not a JSON object; `jq -c '\.\[\]'` writes one object per line"),
        ("17", r"2: not a JSON object\. Fix"),
        ('{"content": "a", "id": 3}', r"2: no field 'text'; it has 'content', 'id'\. .*text_field"),
        ("{}", r"2: no field 'text'; it has no field"),
        ('{"text": 17}', r"2: the field 'text' is a number, not text\. .*set text\.text_field"),
        ('{"text": ["a"]}', r"2: the field 'text' is a list, not text"),
        ('{"text": null}', r"2: the field 'text' is null, not text"),
        ('{"text": "a \\ud800"}', r"2: the text has half of a surrogate pair \(\\ud800\)"),
        ('{"text": "\udcff"}', r"2:11: byte 0xff is not UTF-8"),
        ('{"text": "' + "x" * 8192 + '"}', r"2: longer than 8,192 bytes\. .*max_document_bytes"),
        ('{"text": "a\\n' + "x" * 99 + '"}', r"2, in the text: longer than 64 bytes.*max_line_by"),
    ],
    ids=range(14),
)
def test_a_bad_line_of_jsonl_is_named_or_counted(tmp_path: Path, line: str, problem: str) -> None:
    content = '{"text": "Good."}\n' + line + '\n\n{"text": "Also good."}'
    put(tmp_path, "a.jsonl", content.encode(errors="surrogateescape"))
    limits = {"max_document_bytes": 2048, "max_line_bytes": 64}
    with pytest.raises(InputError, match=rf"a\.jsonl:{problem}"):
        read(tmp_path, **limits)
    documents, reader = read(tmp_path, on_bad_line="skip", **limits)
    assert [d.sentences for d in (documents[0], documents[-1])] == [("Good.",), ("Also good.",)]
    bad = {name: reader.counts[name] for name in ("bad_record", "bad_encoding", "long_line")}
    assert sum(bad.values()) == 1
    assert reader.counts["lines"] == 3


def test_pretty_printed_json_gets_a_hint(tmp_path: Path) -> None:
    put(tmp_path, "a.json", json.dumps(ROWS[0], indent=1).encode())
    with pytest.raises(InputError, match=r"a\.json:1: not JSON .*one object: `jq -c \.` writes"):
        read(tmp_path)


@pytest.mark.parametrize("name", [["id"], 1.5, True, None])
def test_an_id_is_text_or_a_whole_number(tmp_path: Path, name: object) -> None:
    put(tmp_path, "a.jsonl", json.dumps({"text": "a", "id": name}).encode())
    with pytest.raises(InputError, match=r"a\.jsonl:1: the field 'id' is .*text\.id_field"):
        read(tmp_path, id_field="id")


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        (b'2,"never closed\n', r"3: not CSV \(unexpected end of data\)"),
        (b'2,"closed"early\n', r"3: not CSV \(.*expected after"),
        (b"2\n", r"3: 1 field, but the header has 2"),
        (b"2,a,b\n", r"3: 3 fields, but the header has 2"),
        (b"2,\xff\n", r"3:3: byte 0xff is not UTF-8"),
    ],
)
def test_a_bad_row_of_csv_is_named_or_counted(tmp_path: Path, line: bytes, problem: str) -> None:
    put(tmp_path, "a.csv", b"id,text\n1,Good.\n" + line)
    with pytest.raises(InputError, match=rf"a\.csv:{problem}.*Fix the file, or set"):
        read(tmp_path)
    documents, reader = read(tmp_path, on_bad_line="skip")
    assert [document.sentences for document in documents] == [("Good.",)]
    assert reader.counts["bad_record"] + reader.counts["bad_encoding"] == 1


def test_rows_after_a_bad_one_are_kept(tmp_path: Path) -> None:
    put(tmp_path, "a.csv", b'id,text\n1,\xff\n2,"a"b\n3,"Two\nlines."\n4\n5,End.\n')
    assert sentences(tmp_path, on_bad_line="skip") == [["Two", "lines."], ["End."]]
    with pytest.raises(InputError, match=r"a\.csv:2:3: "):
        read(tmp_path)


@pytest.mark.parametrize(
    ("settings", "problem"),
    [
        (
            {"text_field": "content"},
            r"no column 'content'; it has 'id', 'url', 'text'\. Set text",
        ),
        ({"id_field": "key"}, r"no column 'key'.*Set text\.id_field"),
        ({"metadata_fields": ("date",)}, r"no column 'date'.*Set text\.metadata_fields"),
    ],
)
@pytest.mark.parametrize("name", ["a.csv:1", "a.parquet"])
def test_a_table_without_a_field_is_refused_even_if_bad_lines_are_skipped(
    tmp_path: Path, settings: dict[str, Any], problem: str, name: str
) -> None:
    put_csv(tmp_path, ",") if name == "a.csv:1" else put_parquet(tmp_path)
    with pytest.raises(InputError, match=f"{name}: {problem}"):
        read(tmp_path, on_bad_line="skip", **settings)


@pytest.mark.parametrize(
    "column", [[["a"]], [{"a": "b"}], [17], [1.5], [None]], ids=["list", "struct", "i", "f", "null"]
)
def test_a_column_without_text_is_refused(tmp_path: Path, column: list[object]) -> None:
    put_parquet(tmp_path, [{"text": value} for value in column])
    message = r"a\.parquet: the column 'text' is .*, not text\. Set text\.text_field to a column"
    with pytest.raises(InputError, match=message):
        read(tmp_path)


def test_a_bad_row_of_parquet_is_named_or_counted(tmp_path: Path) -> None:
    column = pa.array([b"Good.", b"bad \xff", None, b"End."])
    pq.write_table(pa.table({"text": column}), tmp_path / "a.parquet")
    with pytest.raises(InputError, match=r"a\.parquet: row 2: byte 0xff is not UTF-8"):
        read(tmp_path)
    documents, reader = read(tmp_path, on_bad_line="skip")
    assert [document.sentences for document in documents] == [("Good.",), ("End.",)]
    assert (reader.counts["bad_encoding"], reader.counts["bad_record"]) == (1, 1)
    assert "row 2" in reader.first_bad_line


@pytest.mark.parametrize("kept", [4, 100, 0.5, -1])
def test_parquet_that_is_cut_short_is_refused(tmp_path: Path, kept: float) -> None:
    content = (put_parquet(tmp_path) / "a.parquet").read_bytes()
    end = round(kept * len(content)) if kept == 0.5 else int(kept)
    put(tmp_path, "a.parquet", content[:end])
    with pytest.raises(InputError, match=r"a\.parquet: the Parquet data is cut short or damaged"):
        read(tmp_path)


@pytest.mark.parametrize("content", [b"", b"PAR", b"version https://git-lfs.github.com/spec/v1\n"])
def test_what_is_called_parquet_and_is_not_is_refused(tmp_path: Path, content: bytes) -> None:
    put(tmp_path, "a.parquet", content)
    with pytest.raises(InputError, match=r"a\.parquet: (not a Parquet file|looks like a pointer)"):
        read(tmp_path)


def test_damage_within_parquet_is_refused(tmp_path: Path) -> None:
    rows = [{"text": f"Row {n}, {n * 7919}."} for n in range(400)]
    folder = put_parquet(tmp_path, rows, use_dictionary=False)
    content = bytearray((folder / "a.parquet").read_bytes())
    content[200:260] = bytes(60)
    put(tmp_path, "a.parquet", bytes(content))
    with pytest.raises(InputError, match=r"a\.parquet: the Parquet data is cut short or damaged"):
        read(tmp_path)


def test_a_type_that_is_pickled_code_is_not_loaded(tmp_path: Path) -> None:
    """In a process without Beam, which would keep PyArrow 10 from it (CVE-2023-47248)."""
    code = f"cbuiltins\nexec\n(Vopen({str(tmp_path / 'ran')!r}, 'w')\ntR."
    kind = {"ARROW:extension:name": "arrow.py_extension_type", "ARROW:extension:metadata": code}
    schema = pa.schema([pa.field("text", pa.string(), metadata=kind)])
    pq.write_table(pa.table([["A text."]], schema=schema), tmp_path / "a.parquet")
    read = (
        "import sys; from components.downstream_evaluator.read_table import read_table\n"
        "try: read_table(sys.argv[1], ['text'])\n"
        "finally: print(*sys.modules)"
    )
    command = [sys.executable, "-c", read, str(tmp_path / "a.parquet")]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    assert ended.returncode == 0 or "TaskError: " in ended.stderr  # PyArrow 18 reads its text
    assert "pyarrow.parquet" in ended.stdout
    assert "apache_beam" not in ended.stdout
    assert not (tmp_path / "ran").exists()


def test_parquet_within_gzip_is_refused(tmp_path: Path) -> None:
    content = gzip.compress((put_parquet(tmp_path) / "a.parquet").read_bytes())
    (tmp_path / "a.parquet").unlink()
    put(tmp_path, "a.parquet.gz", content)
    with pytest.raises(InputError, match=r"within gzip data cannot be read in pieces\. Decompress"):
        read(tmp_path)


@pytest.mark.parametrize("use_dictionary", [True, False])
def test_a_bomb_of_parquet_is_refused(tmp_path: Path, use_dictionary: bool) -> None:
    rows = [{"text": "a" * 100_000}] * 2000
    put_parquet(tmp_path, rows, compression="zstd", use_dictionary=use_dictionary)
    assert (tmp_path / "a.parquet").stat().st_size < 200_000
    with pytest.raises(InputError, match=r"a\.parquet: expands to more than 200 bytes per"):
        read(tmp_path)


def peak_bytes(folder: Path) -> int:
    """Return the memory of Python and Arrow that reading a folder takes."""
    reader = DocumentReader(TextSettings(form="lines"))
    before, peak = pa.total_allocated_bytes(), 0
    tracemalloc.start()
    for file in find_files(str(folder), ["*"]):
        for _ in reader.read(file):
            peak = max(peak, pa.total_allocated_bytes() - before)
    peak += tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return peak


@pytest.mark.parametrize("name", ["a.jsonl", "a.parquet"])
def test_memory_does_not_grow_with_the_file(tmp_path: Path, name: str) -> None:
    """Parquet has all its rows in one row group, which is never held as a whole."""
    for megabytes in (4, 16):
        folder = tmp_path / str(megabytes)
        folder.mkdir()
        rows = [{"text": f"{n} " + "\n".join(ENGLISH[n % 50])} for n in range(1500 * megabytes)]
        if name == "a.jsonl":
            put(folder, name, "".join(json.dumps(row) + "\n" for row in rows).encode())
        else:
            put_parquet(folder, rows)
    assert (tmp_path / "16" / name).stat().st_size > 6_000_000
    small, large = peak_bytes(tmp_path / "4"), peak_bytes(tmp_path / "16")
    assert large < 1.3 * small + 1_000_000
