"""Read a file as documents: take its lines or records, split sentences, and group them."""

import dataclasses
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Any

from components.text_example_gen.documents import Document
from components.text_example_gen.reading.errors import CorpusError, escape_path
from components.text_example_gen.reading.file_kinds import Layout, find_layout
from components.text_example_gen.reading.find_files import CorpusFile
from components.text_example_gen.reading.read_lines import (
    BadLine,
    Line,
    LongLine,
    clean_line,
    decode_line,
    split_lines,
)
from components.text_example_gen.reading.read_parquet import read_parquet
from components.text_example_gen.reading.read_records import read_csv, read_jsonl
from components.text_example_gen.reading.records import BadRecord, Record
from components.text_example_gen.reading.split_sentences import ProseSplitter
from components.text_example_gen.reading.stored_file import StoredFile, open_stored
from components.text_settings import TextSettings

BLANK_LINES = {"file": 0, "blank_line": 1, "two_blank_lines": 2}  # that end a document
BAD_LINES = ("bad_encoding", "bad_record", "long_line")  # counters


class DocumentReader:
    """Reads files one after another and counts over all of them.

    Attributes:
        counts: `files`, `empty_files`, `lines` (records and rows, too), `records`,
            `control_characters`, `line_separators`, `byte_order_marks`, `cut_documents`, and those
            of `BAD_LINES`.
        first_bad_line: the message for the first skipped line, or "".
        digests: (name, sha256) of each file that was read to its end.
        filled: names of the files of which ranges with documents were read.
    """

    def __init__(self, settings: TextSettings) -> None:
        self._settings = settings
        self.counts: Counter[str] = Counter()
        self.first_bad_line = ""
        self.digests: list[tuple[str, str]] = []
        self.filled: set[str] = set()

    def read(self, file: CorpusFile) -> Iterator[Document]:
        """Yield the documents of a file, or of one range. Its end always ends a document.

        Raises:
            CorpusError: a line is bad and the settings say `fail`, or the file cannot be read, or
                is not text.
        """
        is_empty = True
        with open_stored(file, self._settings.max_gzip_ratio) as stored:
            layout: Any = file.layout or find_layout(stored.head, file.path, self._settings)
            for document in self._read(stored, layout, file):
                is_empty = False
                yield document
            stored.finish()
        if file.is_range:
            self.filled |= set() if is_empty else {file.name}
            return
        self.counts["files"] += 1
        self.counts["empty_files"] += is_empty
        self.digests.append((file.name, stored.sha256))

    def read_digest(self, file: CorpusFile) -> None:
        """Count a file whose ranges are read elsewhere, as if it was empty, and add its digest."""
        whole = dataclasses.replace(file, end_byte=None)
        with open_stored(whole, self._settings.max_gzip_ratio) as stored:
            stored.finish()
        self.counts.update(files=1, empty_files=1)
        self.digests.append((file.name, stored.sha256))

    def read_records(
        self, stored: StoredFile, layout: Layout, file: CorpusFile
    ) -> Iterator[Record]:
        """Yield the valid records of a file that is neither lines nor prose."""
        if layout == "jsonl":
            records = read_jsonl(stored.chunks(), self._settings)
        elif layout == "csv":
            records = read_csv(stored.chunks(), file.path, self._settings)
        else:
            records = read_parquet(stored, file, self._settings)
        for record in records:
            self.counts["lines"] += 1
            if isinstance(record, BadRecord):
                self._skip(record.counter, f"{record.where}: {record}", file, record.remedy)
            else:
                self.counts["records"] += 1
                yield record

    def _read(self, stored: StoredFile, layout: Layout, file: CorpusFile) -> Iterator[Document]:
        if layout in ("lines", "prose"):
            lines = split_lines(stored.chunks(), self._settings.max_line_bytes)
            yield from self._make_documents(self._decode(lines, file), layout)
            return
        for record in self.read_records(stored, layout, file):
            lines_of_text = self._clean(record, file)
            for document in self._make_documents(lines_of_text, layout):
                yield dataclasses.replace(
                    document, record_id=record.record_id, metadata=record.metadata
                )

    def _make_documents(self, texts: Iterable[str], layout: Layout) -> Iterator[Document]:
        """Split lines into sentences, and group them; "" is a blank line."""
        settings = self._settings
        splitter = ProseSplitter(settings.language, settings.max_line_bytes)
        form = layout if layout in ("lines", "prose") else settings.record_form
        sentences = texts if form == "lines" else splitter.split(texts)
        return self._group(sentences, BLANK_LINES[document_end(settings, layout)])

    def _decode(self, lines: Iterable[Line], file: CorpusFile) -> Iterator[str]:
        """Yield the text of each line; "" is a blank line."""
        number = 0
        for number, line in enumerate(lines, 1):
            if isinstance(line, LongLine):
                self._skip_long(str(number), file)
                continue
            try:
                yield decode_line(line, self.counts)
            except BadLine as bad:
                self._skip("bad_encoding", f"{number}:{bad.column}: {bad.reason}", file)
        self.counts["lines"] += number

    def _clean(self, record: Record, file: CorpusFile) -> Iterator[str]:
        """Yield the text of each line of a record; "" is a blank line."""
        for line in record.text.replace("\r\n", "\n").replace("\r", "\n").split("\n"):
            if len(line.encode()) > self._settings.max_line_bytes:
                self._skip_long(f"{record.where}, in the text", file)
            else:
                yield clean_line(line, self.counts)

    def _skip_long(self, where: str, file: CorpusFile) -> None:
        problem = f"{where}: longer than {self._settings.max_line_bytes:,} bytes"
        remedy = "put each sentence on its own line, raise text.max_line_bytes, "
        self._skip("long_line", problem, file, remedy)

    def _skip(self, counter: str, problem: str, file: CorpusFile, remedy: str = "") -> None:
        """Count a bad line, or raise if the settings say `fail`."""
        start = f" (from byte {file.first_byte:,} on)" if file.first_byte else ""
        message = (
            f"{escape_path(file.path)}{start}:{problem}. Fix the file, {remedy}or set "
            f"text.on_bad_line: skip to count and drop such lines."
        )
        if self._settings.on_bad_line == "fail":
            raise CorpusError(message)
        self.first_bad_line = self.first_bad_line or message
        self.counts[counter] += 1

    def _group(self, sentences: Iterable[str], blank_lines_at_end: int) -> Iterator[Document]:
        """Group sentences into documents; "" is a blank line."""
        held: list[str] = []
        size = blanks = 0
        for sentence in sentences:
            blanks = 0 if sentence else blanks + 1
            is_end = not sentence and blanks == blank_lines_at_end
            length = len(sentence.encode())
            is_full = bool(sentence) and size + length > self._settings.max_document_bytes
            if held and (is_end or is_full):
                yield Document(tuple(held))
                self.counts["cut_documents"] += is_full
                held, size = [], 0
            if sentence:
                held.append(sentence)
                size += length + 1
        if held:
            yield Document(tuple(held))


def document_end(settings: TextSettings, layout: Layout) -> str:
    """Return what ends a document, besides the end of its file or record: of `BLANK_LINES`."""
    return settings.document_end or ("blank_line" if layout == "lines" else "file")
