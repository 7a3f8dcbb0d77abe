"""Find lines that many documents share, such as menus and notices, and drop them.

As in CCNet (Wenzek et al. 2020), lines are equal if they differ in case, digits and punctuation
only. A line is a sentence here. Two rounds of work come before documents are read:

    write_lines   by part of the text:  the key of each line, with its document
    find_common   by range of keys:     the keys that many documents have, for the parts with them

Each worker holds the lines of a range of keys, or the common lines of its part of the text.
"""

import dataclasses
import functools
import hashlib
import heapq
import itertools
import unicodedata
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from pydantic import JsonValue

from components.text_example_gen.documents import EXAMPLE_CHARACTERS, Document
from components.text_example_gen.duplicates.find_pairs import is_new, unique
from components.text_example_gen.reading.find_files import CorpusFile
from components.text_example_gen.reading.read_documents import DocumentReader
from components.text_example_gen.writing.bucketed_file import (
    BucketWriter,
    divide_buckets,
    read_buckets,
)
from components.text_settings import TextSettings
from components.unit_work import MapUnits, Unit
from core import storage

Array = npt.NDArray[Any]
KEY_BUCKETS = 1 << 12  # equal ranges of keys
RANGE_BYTES = 16 << 20  # of lines that a worker holds; it takes several times as much
HELD_LINES = 1 << 18  # in memory before they are written
MAX_DOCUMENTS = 10_000  # that are counted per line
DROPPED, EMPTIED = "boilerplate_lines", "boilerplate_documents"  # counters
EXAMPLES = 10
LINE = np.dtype([("key", "<u8"), ("document", "<u8")])
COMMON_LINE = np.dtype([("key", "<u8"), ("documents", "<u8")])

Example = tuple[int, int, str]  # documents, negative; key; text


def find_common_lines(
    units: Sequence[Unit], settings: TextSettings, map_units: MapUnits, scratch: str
) -> list[str]:
    """Return files with the common lines of each unit; none if the settings drop no lines.

    Args:
        units: parts of the text, with `number` and `files`.
        settings: of the text.
        map_units: as in `write_documents`.
        scratch: folder for temporary files.
    """
    if settings.drop_boilerplate_lines is None:
        return []
    folder = storage.join(scratch, "lines")
    write = functools.partial(write_lines, settings=settings, folder=folder)
    written = map_units(write, units, storage.join(folder, "written"))
    size = LINE.itemsize * sum(result["lines"] for result in written)
    find = functools.partial(
        find_common,
        paths={result["number"]: result["path"] for result in written if result["path"]},
        num_units=len(units),
        threshold=settings.drop_boilerplate_lines,
        folder=folder,
    )
    ranges = divide_buckets(KEY_BUCKETS, size, RANGE_BYTES)
    results = map_units(find, ranges, storage.join(folder, "common"))
    return [path for result in results for path in result["path"]]


def write_lines(unit: Unit, *, settings: TextSettings, folder: str) -> Unit:
    """Write the keys of a unit's lines, once for each document that has them."""
    held: list[tuple[int, int]] = []
    lines = 0
    path = storage.join(folder, f"{unit['number']:05d}.lines")
    with BucketWriter(path, KEY_BUCKETS) as writer:

        def flush() -> None:
            records = np.array(held, LINE)
            writer.write_array((records["key"] >> np.uint64(52)).astype(np.int64), records)
            held.clear()

        for file in (CorpusFile(*values) for values in unit["files"]):
            if file.end_byte == 0:  # read for its digest only
                continue
            for document in DocumentReader(settings.for_source(file.source)).read(file):
                name = int(document.document_id[:16], 16)
                new = [(key, name) for key in {line_key(line) for line in document.sentences}]
                held += new
                lines += len(new)
                if len(held) >= HELD_LINES:
                    flush()
        if held:
            flush()
        return {"number": unit["number"], "path": "".join(writer.finish()), "lines": lines}


def find_common(
    unit: Unit, *, paths: dict[int, str], num_units: int, threshold: int, folder: str
) -> Unit:
    """Write the keys in a range that are in many documents, once for each part with them.

    Args:
        unit: a range of buckets: `number`, `first` and `end`.
        paths: files of `write_lines`, by number of the part of the text.
        num_units: number of parts of the text.
        threshold: number of different documents.
        folder: for the file; `path` of the result is a list with its path, or empty.
    """
    pending = [np.zeros(0, LINE)]
    keys_of: dict[int, Array] = {}
    blobs = read_buckets(list(paths.values()), unit["first"], unit["end"])
    for number, blob in zip(paths, blobs, strict=True):
        pending.append(np.frombuffer(blob, LINE))
        keys_of[number] = np.unique(pending[-1]["key"])
        if sum(map(len, pending)) * LINE.itemsize > 2 * RANGE_BYTES:  # one line is everywhere
            pending = [_limit_documents(np.concatenate(pending))]
    lines = _limit_documents(np.concatenate(pending))
    starts = np.flatnonzero(is_new((lines["key"],)))
    common = np.zeros(len(starts), COMMON_LINE)
    common["key"] = lines["key"][starts]
    common["documents"] = np.diff(starts, append=len(lines))
    common = common[common["documents"] >= threshold]
    if not len(common):
        return {"path": []}
    rows = {number: np.isin(common["key"], keys) for number, keys in keys_of.items()}
    numbers = np.concatenate([np.full(row.sum(), number) for number, row in rows.items()])
    with BucketWriter(storage.join(folder, f"{unit['number']:05d}.common"), num_units) as writer:
        writer.write_array(numbers, np.concatenate([common[row] for row in rows.values()]))
        return {"path": writer.finish()}


def _limit_documents(lines: Array) -> Array:
    """Return the lines sorted by key, with up to MAX_DOCUMENTS different documents of each."""
    lines = unique(lines, (lines["key"], lines["document"]))
    starts = is_new((lines["key"],))
    first_of_key = np.maximum.accumulate(np.where(starts, np.arange(len(lines)), 0))
    limited: Array = lines[np.arange(len(lines)) - first_of_key < MAX_DOCUMENTS]
    return limited


class CommonLines:
    """Drops the common lines of a part of the text.

    Attributes:
        examples: of the lines in most documents, which do not depend on the order of the text.
    """

    def __init__(self, paths: Sequence[str], number: int) -> None:
        """Read what `find_common_lines` wrote for a unit, of which each range of keys is sorted."""
        lines = np.frombuffer(b"".join(read_buckets(paths, number, number + 1)), COMMON_LINE)
        self._keys = np.ascontiguousarray(lines["key"])
        self._documents = np.ascontiguousarray(lines["documents"])
        self.examples: list[Example] = []

    def drop(self, documents: Iterable[Document], counts: Counter[str]) -> Iterator[Document]:
        """Yield the documents without the common lines, if anything is left; count both."""
        if not len(self._keys):
            yield from documents
            return
        for document in documents:
            lines = document.sentences
            kept = tuple(itertools.compress(lines, ~self._are_common(lines)))
            counts[DROPPED] += len(lines) - len(kept)
            counts[EMPTIED] += not kept
            if kept:
                yield dataclasses.replace(document, sentences=kept)

    def _are_common(self, lines: Sequence[str]) -> npt.NDArray[np.bool_]:
        keys = np.array([line_key(line) for line in lines], np.uint64)
        at = np.minimum(np.searchsorted(self._keys, keys), len(self._keys) - 1)
        are_common = self._keys[at] == keys
        for n in np.flatnonzero(are_common).tolist():
            documents, key = int(self._documents[at[n]]), int(keys[n])
            example = (-documents, key, lines[n][:EXAMPLE_CHARACTERS])
            if len(self.examples) < EXAMPLES or example < self.examples[-1]:
                self.examples = merge_examples([self.examples, [example]])
        return are_common


class _FoldedCharacters(dict[int, str]):
    """Maps each character to itself, digits to 0, and all that is in no word to a space."""

    def __missing__(self, code: int) -> str:
        category = unicodedata.category(chr(code))
        is_of_word = category[0] in "LMN"  # letters, their marks, and numbers
        self[code] = "0" if category == "Nd" else chr(code) if is_of_word else " "
        return self[code]


_FOLDED = _FoldedCharacters()


def line_key(line: str) -> int:
    """Return a hash of a line's words in lower case, with all digits alike."""
    words = " ".join(line.lower().translate(_FOLDED).split())
    return int.from_bytes(hashlib.blake2b(words.encode(), digest_size=8).digest(), "little")


def merge_examples(parts: Iterable[Iterable[Sequence[Any]]]) -> list[Example]:
    """Return the examples of the lines in most documents, one text of each."""
    texts: dict[tuple[int, int], str] = {}
    for documents, key, text in itertools.chain.from_iterable(parts):
        texts[documents, key] = min(text, texts.get((documents, key), text))
    return [(*line, texts[line]) for line in heapq.nsmallest(EXAMPLES, texts)]


def describe_examples(parts: Iterable[Iterable[Sequence[Any]]]) -> JsonValue:
    """Return the examples of all parts, for the manifest; up to MAX_DOCUMENTS were counted."""
    return [{"documents": -number, "text": text} for number, _, text in merge_examples(parts)]
