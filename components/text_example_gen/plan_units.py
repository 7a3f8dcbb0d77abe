"""Divide the text into units of work of about equal size, which changes no byte of the output.

A large file whose documents end at blank lines or line ends is read by several units: each reads
the documents of one range of bytes.
"""

import dataclasses
import itertools
import operator
from collections.abc import Iterator, Sequence

from components.text_example_gen.reading.compression import find_compression
from components.text_example_gen.reading.file_kinds import find_layout
from components.text_example_gen.reading.find_files import CorpusFile
from components.text_example_gen.reading.read_documents import document_end
from components.text_example_gen.reading.stored_file import CHUNK_BYTES, status
from components.text_settings import TextSettings
from components.unit_work import Unit
from core import storage
from core.errors import StorageError

UNIT_BYTES = 64 << 20  # of files, per unit of work, as long as there are few units
MAX_UNIT_BYTES = 4 << 30  # a worker reads it in about five minutes
FEW_UNITS = 64  # every shard opens the run of every unit
# Lines that end a document, and the start of the next line. Other blank lines, such as those with
# spaces, also end one, but no range.
_ENDS = {
    "blank_line": (b"\n\n", b"\n\r\n"),
    "two_blank_lines": (b"\n\n\n", b"\n\r\n\r\n"),
    "line": (b"\n",),
}
_LONGEST_END = 5
_SEARCH_BYTES = 1 << 16  # read at once to find an end

_WHOLE_FILE = 6  # the fields of CorpusFile without those of a range
_values = operator.attrgetter(*(field.name for field in dataclasses.fields(CorpusFile)))


def plan_units(files: Sequence[CorpusFile], settings: TextSettings) -> list[Unit]:
    """Return the units of `read_unit`, in the order of the files.

    Raises:
        CorpusError: a large file is not text.
    """
    total = sum(file.size_bytes for file in files)
    target = min(max(UNIT_BYTES, total // FEW_UNITS), MAX_UNIT_BYTES)
    large = [file for file in files if file.size_bytes >= 2 * target]
    ranges = storage.transfer(lambda file: _cut_file(file, settings, target), large)
    pieces_of = dict(zip(large, ranges, strict=True))
    units: list[Unit] = []
    size = target
    for piece in itertools.chain.from_iterable(pieces_of.get(file, [file]) for file in files):
        if size >= target:
            units.append({"number": len(units), "files": []})
            size = 0
        values = _values(piece)
        units[-1]["files"].append(values if piece.is_range else values[:_WHOLE_FILE])
        size += piece.work_bytes
    return units


def _cut_file(file: CorpusFile, settings: TextSettings, target: int) -> list[CorpusFile]:
    """Return the ranges of a file, and one for its digest; or the file, if it cannot be divided."""
    settings = settings.for_source(file.source)
    try:
        before = status(file)
        head = storage.read_range(file.path, 0, CHUNK_BYTES)
        layout = find_layout(head, file.path, settings)
        end = "line" if layout == "jsonl" else document_end(settings, layout)
        is_divisible = layout in ("lines", "prose", "jsonl") and end in _ENDS
        if not is_divisible or find_compression(head, file.name):
            return [file]
        count = file.size_bytes // target
        aims = [number * file.size_bytes // count for number in range(1, count)]
        cuts = [0, *_find_ends(file, aims, _ENDS[end]), file.size_bytes]
    except (OSError, StorageError):
        return [file]  # the unit that reads it says why it cannot be read
    if len(cuts) == 2:
        return [file]
    known = dataclasses.replace(file, layout=layout, status=before)
    return [
        dataclasses.replace(known, first_byte=first, end_byte=last)
        for first, last in (*itertools.pairwise(cuts), (0, 0))
    ]


def _find_ends(file: CorpusFile, aims: Sequence[int], ends: tuple[bytes, ...]) -> Iterator[int]:
    """Yield where the first document begins after each aim, if one does before the next aim."""
    for aim, limit in itertools.pairwise([*aims, file.size_bytes]):
        held = b""
        for first in range(aim, limit, _SEARCH_BYTES):
            held = held[-_LONGEST_END:] + storage.read_range(
                file.path, first, min(first + _SEARCH_BYTES, limit - 1)
            )
            after = [held.index(end) + len(end) for end in ends if end in held]
            if after:
                yield min(first + _SEARCH_BYTES, limit - 1) - len(held) + min(after)
                break
