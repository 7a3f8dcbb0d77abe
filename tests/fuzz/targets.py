"""Define the fuzz targets: any input bytes give a result or one of Textmill's errors.

A target takes any bytes and a folder to write to. Every exception that it raises is a bug.
"""

import gzip
import json
import shutil
from collections.abc import Callable
from pathlib import Path

import safetensors.numpy

from components.records import frame_record, read_records
from components.text_example_gen.documents import decode_sentences, encode_document
from components.text_example_gen.reading.find_files import CorpusFile
from components.text_example_gen.reading.read_documents import DocumentReader
from components.text_settings import TextSettings
from components.vocabulary_gen.importing import FILES, import_vocabulary
from core.errors import InputError
from core.manifest import MANIFEST, read_manifest
from core.vocabulary.vocabulary import load_vocabulary
from pipelines.recipe.file import load_recipe
from tests.small_vocabulary import write_small_vocabulary
from trainer.huggingface.config import CONFIG
from trainer.huggingface.read import read_model
from trainer.huggingface.weights import WEIGHTS

Target = Callable[[bytes, Path], None]
MAX_LINE_BYTES = 64
FORMATS = (
    "a.jsonl", "a.csv", "a.parquet", "part", "a.txt.bz2", "a.txt.xz", "a.txt.zst", "a.json.gz",
)  # fmt: skip
CONFIG_OF_A_BERT = {
    "model_type": "bert", "vocab_size": 700, "hidden_size": 32, "num_hidden_layers": 1,
    "num_attention_heads": 2, "intermediate_size": 64, "max_position_embeddings": 64,
    "type_vocab_size": 2, "hidden_act": "gelu", "initializer_range": 0.02,
    "hidden_dropout_prob": 0.1, "attention_probs_dropout_prob": 0.1,
}  # fmt: skip


def text(data: bytes, folder: Path) -> None:
    """Read bytes as a text file; the first byte selects settings and gzip."""
    choice, content = data[:1] or b"\0", data[1:]
    is_prose, is_skipped, is_zipped, is_damaged = (choice[0] >> bit & 1 for bit in range(4))
    if is_zipped and not is_damaged:
        content = gzip.compress(content, 1)
    path = folder / ("a.txt.gz" if is_zipped else "a.txt")
    path.write_bytes(content)
    read_text(path, form="prose" if is_prose else "lines", bad="skip" if is_skipped else "fail")


def formats(data: bytes, folder: Path) -> None:
    """Read bytes as a file of records or as compressed text; the first byte selects which."""
    choice = (data[:1] or b"\0")[0]
    path = folder / FORMATS[choice & 7]
    path.write_bytes(data[1:])
    fields = {"id_field": "id", "metadata_fields": ["id", "url"]} if choice & 16 else {}
    read_text(path, form="prose", bad="skip" if choice & 8 else "fail", **fields)


def read_text(path: Path, *, form: str, bad: str, **fields: object) -> None:
    """Read a text file, and check its documents."""
    limits = {"max_line_bytes": MAX_LINE_BYTES, "max_document_bytes": 1024}
    chosen = TextSettings.model_validate_json(
        json.dumps({"form": form, "on_bad_line": bad, **limits, **fields})
    )
    file = CorpusFile(path=str(path), name=path.name, size_bytes=path.stat().st_size)
    try:
        documents = list(DocumentReader(chosen).read(file))
    except InputError as error:
        assert str(path) in str(error)
        return
    for document in documents:
        encode_document(document.document_id, document.sentences, document.record_id)
        assert not document.metadata or isinstance(json.loads(document.metadata), dict)
    for sentence in (s for document in documents for s in document.sentences):
        assert sentence == sentence.strip() != ""
        assert len(sentence.splitlines()) == 1
        assert "\x00" not in sentence
        assert "\x1b" not in sentence


def records(data: bytes, folder: Path) -> None:
    """Read bytes as a shard; the first byte selects gzip and valid frames."""
    choice, content = data[:1] or b"\0", data[1:]
    is_zipped, is_framed, is_damaged = (choice[0] >> bit & 1 for bit in range(3))
    if is_framed:
        content = b"".join(map(frame_record, content.split(b"\n")))
    if is_zipped and not is_damaged:
        content = gzip.compress(content, 1)
    path = folder / ("a.tfrecord.gz" if is_zipped else "a.tfrecord")
    path.write_bytes(content)
    try:
        for record in read_records(str(path)):
            read_document(record)
    except InputError as error:
        assert str(path) in str(error)
        assert "run again" in str(error)


def read_document(record: bytes) -> None:
    """Read the sentences of a document record."""
    try:
        sentences = decode_sentences(record)
    except InputError:
        return
    assert all(isinstance(sentence, str) for sentence in sentences)


def vocabulary(data: bytes, folder: Path) -> None:
    """Load and import bytes as one file of a vocabulary; the first byte selects the file."""
    words = folder / "vocabulary"
    if not words.exists():
        write_small_vocabulary(words)
    name = FILES[(data[:1] or b"\0")[0] % len(FILES)]
    before = (words / name).read_bytes() if (words / name).exists() else None
    (words / name).write_bytes(data[1:])
    try:
        read_vocabulary(words)
        import_a_vocabulary(words)
        alone = folder / "alone"  # no other file contradicts it
        shutil.rmtree(alone, ignore_errors=True)
        alone.mkdir()
        (alone / name).write_bytes(data[1:])
        import_a_vocabulary(alone)
    finally:
        (words / name).unlink() if before is None else (words / name).write_bytes(before)


def read_vocabulary(folder: Path) -> None:
    """Load a vocabulary, and check it."""
    try:
        loaded = load_vocabulary(str(folder))
    except InputError as error:
        assert str(folder) in str(error)
        return
    assert len(loaded.tokens) == loaded.size
    assert len(set(loaded.named_ids.values())) == 5


def import_a_vocabulary(folder: Path) -> None:
    """Import a vocabulary as either kind."""
    for kind in ("wordpiece", "sentencepiece"):
        try:
            import_vocabulary(str(folder), kind)  # type: ignore[arg-type]
        except InputError as error:
            assert str(folder) in str(error)


def model(data: bytes, folder: Path) -> None:
    """Read bytes as config.json of a `transformers` folder, or as weights if the first is odd."""
    choice, content = data[:1] or b"\0", data[1:]
    is_weights = choice[0] % 2 == 1
    (folder / CONFIG).write_bytes(json.dumps(CONFIG_OF_A_BERT).encode() if is_weights else content)
    (folder / WEIGHTS).write_bytes(content if is_weights else safetensors.numpy.save({}))
    try:
        read_model(str(folder))
    except InputError as error:
        assert str(folder) in str(error)


def manifest(data: bytes, folder: Path) -> None:
    """Read bytes as the manifest of an artifact."""
    (folder / MANIFEST).write_bytes(data)
    try:
        read_manifest(str(folder)).content_digest()
    except InputError as error:
        assert str(folder) in str(error)


def recipe(data: bytes, folder: Path) -> None:
    """Load bytes as a recipe."""
    path = folder / "recipe.yaml"
    path.write_bytes(data)
    try:
        load_recipe(str(path))
    except InputError as error:
        assert str(error)


def override(data: bytes, folder: Path) -> None:
    """Load bytes as the value of `--set`."""
    path = folder / "recipe.yaml"
    path.write_text("name: a\ndescription: A.\nexpected: Seconds.\n", encoding="utf-8")
    try:
        load_recipe(str(path), [data.decode("utf-8", "surrogateescape")])
    except InputError as error:
        assert str(error)


TARGETS: dict[str, Target] = {
    "text": text,
    "formats": formats,
    "records": records,
    "vocabulary": vocabulary,
    "model": model,
    "manifest": manifest,
    "recipe": recipe,
    "override": override,
}
