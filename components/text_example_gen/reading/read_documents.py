"""Read a file as documents: decode its lines, split sentences, and group them."""

from collections import Counter
from collections.abc import Iterable, Iterator

from components.settings import TextSettings
from components.text_example_gen.documents import Document
from components.text_example_gen.reading.decode_line import BadLine, decode_line
from components.text_example_gen.reading.errors import CorpusError, escape_path
from components.text_example_gen.reading.find_files import CorpusFile
from components.text_example_gen.reading.read_lines import Line, LineReader, LongLine
from components.text_example_gen.reading.split_sentences import ProseSplitter

BLANK_LINES = {"file": 0, "blank_line": 1, "two_blank_lines": 2}  # that end a document


class DocumentReader:
    """Reads files one after another and counts over all of them.

    Attributes:
        counts: `files`, `empty_files`, `lines`, `control_characters`, `line_separators`,
            `byte_order_marks`, `bad_encoding`, `long_line`, `cut_documents`.
        first_bad_line: the message for the first skipped line, or "".
        digests: (name, sha256) of each file that was read to its end.
    """

    def __init__(self, settings: TextSettings) -> None:
        self._settings = settings
        self.counts: Counter[str] = Counter()
        self.first_bad_line = ""
        self.digests: list[tuple[str, str]] = []

    def read(self, file: CorpusFile) -> Iterator[Document]:
        """Yield the documents of one file. The end of the file always ends a document.

        Raises:
            CorpusError: a line is bad and the settings say `fail`, or the file cannot be read.
        """
        settings = self._settings
        lines = LineReader(
            file, max_line_bytes=settings.max_line_bytes, max_gzip_ratio=settings.max_gzip_ratio
        )
        texts = self._decode(lines, file)
        splitter = ProseSplitter(settings.language, settings.max_line_bytes)
        sentences = texts if settings.form == "lines" else splitter.split(texts)
        is_empty = True
        for document in self._group(sentences):
            is_empty = False
            yield document
        self.counts["files"] += 1
        self.counts["empty_files"] += is_empty
        self.digests.append((file.name, lines.sha256))

    def _decode(self, lines: Iterable[Line], file: CorpusFile) -> Iterator[str]:
        """Yield the text of each line; "" is a blank line."""
        number = 0
        for number, line in enumerate(lines, 1):
            if isinstance(line, LongLine):
                limit = self._settings.max_line_bytes
                self._skip("long_line", f"{number}: longer than {limit:,} bytes", file)
                continue
            try:
                yield decode_line(line, self.counts)
            except BadLine as bad:
                self._skip("bad_encoding", f"{number}:{bad.column}: {bad.reason}", file)
        self.counts["lines"] += number

    def _skip(self, counter: str, problem: str, file: CorpusFile) -> None:
        """Count a bad line, or raise if the settings say `fail`."""
        remedy = "raise text.max_line_bytes, " if counter == "long_line" else ""
        message = (
            f"{escape_path(file.path)}:{problem}. Fix the file, {remedy}or set text.on_bad_line: "
            f"skip to count and drop such lines."
        )
        if self._settings.on_bad_line == "fail":
            raise CorpusError(message)
        self.first_bad_line = self.first_bad_line or message
        self.counts[counter] += 1

    def _group(self, sentences: Iterable[str]) -> Iterator[Document]:
        """Group sentences into documents; "" is a blank line."""
        blank_lines_at_end = BLANK_LINES[document_end(self._settings)]
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


def document_end(settings: TextSettings) -> str:
    """Return what ends a document, besides the end of its file: a key of `BLANK_LINES`."""
    return settings.document_end or ("blank_line" if settings.form == "lines" else "file")
