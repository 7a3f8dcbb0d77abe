"""Read a part of the text: filter its documents, and write them sorted by id, with signatures."""

from collections.abc import Mapping, Sequence

from components.text_example_gen.contamination import compare_with_tasks
from components.text_example_gen.documents import Document, encode_document
from components.text_example_gen.duplicates.common_lines import CommonLines
from components.text_example_gen.duplicates.signatures import SignatureWriter
from components.text_example_gen.quality.filter_documents import QualityFilter
from components.text_example_gen.reading.errors import escape_path
from components.text_example_gen.reading.find_files import CorpusFile
from components.text_example_gen.reading.read_documents import DocumentReader
from components.text_example_gen.splits import SPLIT_BUCKETS, choose_split, split_bucket
from components.text_example_gen.writing.runs import Entry, RunWriter
from components.text_settings import TextSettings
from components.unit_work import Unit
from core import storage


def read_unit(
    unit: Unit,
    *,
    settings: TextSettings,
    scratch: str,
    held_out: str = "",
    common_lines: Sequence[str] = (),
) -> Unit:
    """Read some files and write their documents as runs.

    A unit has a `number`, and `files` as the values of CorpusFile's fields.

    Returns:
        `runs` (a path, or none), `signatures`, `keys` and `signed` (see `find_near_duplicates`),
        `histogram` (path of the bytes of text in each bucket), `sources` (counts of each),
        `digests`, `filled` (source and name of files of which ranges with documents were read),
        `filtered` and `boilerplate` (examples), `first_bad_line`, and `buckets`, the lowest and
        highest split bucket.
    """
    readers: dict[str, DocumentReader] = {}
    prefix = storage.join(scratch, f"{unit['number']:05d}")
    threshold = settings.drop_near_duplicates
    quality = QualityFilter()
    boilerplate = CommonLines(common_lines, unit["number"])
    lowest, highest = SPLIT_BUCKETS, -1
    with RunWriter(f"{prefix}.run") as run, SignatureWriter(prefix, threshold or 1) as signatures:
        for file in (CorpusFile(*file) for file in unit["files"]):
            source = settings.for_source(file.source)
            reader = readers.setdefault(file.source, DocumentReader(source))
            if file.end_byte == 0:
                reader.read_digest(file)
                continue
            name = escape_path(file.name)
            documents = boilerplate.drop(reader.read(file), reader.counts)
            for document in compare_with_tasks(documents, held_out, reader.counts):
                if quality.rejects(document, name, source, reader.counts):
                    continue
                entry = _entry(document, name)
                bucket = split_bucket(entry.document_id)
                lowest, highest = min(lowest, bucket), max(highest, bucket)
                run.add(choose_split(bucket, settings.eval_fraction), entry)
                if threshold is not None:
                    signatures.add(entry.document_id, document.sentences, entry.text_bytes)
        written = {"runs": run.finish(), **signatures.finish(), "signed": signatures.documents}
    histogram = f"{prefix}.histogram"
    storage.write_bytes(histogram, run.text_bytes.astype("<i8").tobytes())
    return {
        **written,
        **_describe_readers(readers),
        "histogram": histogram,
        "filtered": quality.examples,
        "boilerplate": boilerplate.examples,
        "buckets": [lowest, highest],
    }


def _describe_readers(readers: Mapping[str, DocumentReader]) -> Unit:
    return {
        "sources": {name: dict(reader.counts) for name, reader in readers.items()},
        "filled": [[name, file] for name, reader in readers.items() for file in reader.filled],
        "digests": [digest for reader in readers.values() for digest in reader.digests],
        "first_bad_line": next(
            (r.first_bad_line for r in readers.values() if r.first_bad_line), ""
        ),
    }


def _entry(document: Document, source: str) -> Entry:
    name = document.document_id
    return Entry(
        document_id=name,
        source=source,
        num_sentences=len(document.sentences),
        text_bytes=len(document.content),
        record=encode_document(
            name,
            document.sentences,
            source,
            record_id=document.record_id,
            metadata=document.metadata,
        ),
    )
