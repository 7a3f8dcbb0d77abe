"""Change a sealed workdir of the mill in ways that verify must find."""

import gzip
import json
import shutil
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

from components.records import write_records
from core.manifest import MANIFEST, describe_file
from pipelines.metadata.seal import SEAL

DOCUMENTS = "artifacts/tiny/TextExampleGen/examples/1"
TRAIN = f"{DOCUMENTS}/Split-train/documents-00000-of-00001.tfrecord.gz"
EVAL = f"{DOCUMENTS}/Split-eval/documents-00000-of-00001.tfrecord.gz"
VOCABULARY = "artifacts/tiny/VocabularyGen/vocabulary/3"
INSTANCES = "artifacts/tiny/InstanceGen/instances/4"
INSTANCES_TRAIN = f"{INSTANCES}/Split-train/instances-00000-of-00001.tfrecord.gz"
MODEL = "artifacts/tiny/Trainer/model/6/Format-Serving"
TRAINING = "artifacts/tiny/Trainer/model_run/6/training.json"
EVALUATION = "artifacts/tiny/ModelEvaluator/evaluation/7/metrics.json"
PUSHED = "artifacts/tiny/Pusher/pushed_model/9/published.json"
FIRST, SECOND = "runs/20261123T000001Z", "runs/20261123T000002Z"
PUBLISHED = "published/tiny/1800000000"
Change = Callable[[Path], Any]


def flip(path: str, at: int = -1) -> Change:
    def change(workdir: Path) -> None:
        content = bytearray((workdir / path).read_bytes())
        content[at] ^= 1
        (workdir / path).write_bytes(content)

    return change


def cut(path: str) -> Change:
    return lambda w: (w / path).write_bytes((w / path).read_bytes()[:-1])


def remove(path: str) -> Change:
    def change(workdir: Path) -> None:
        gone = workdir / path
        shutil.rmtree(gone) if gone.is_dir() else gone.unlink()

    return change


def add(path: str) -> Change:
    return lambda w: (w / path).write_text("a stranger")


def edit(path: str, *keys: str, to: Any) -> Change:
    """Set one value in a JSON file."""

    def change(workdir: Path) -> None:
        content = json.loads((workdir / path).read_text())
        *groups, last = keys
        inner = content
        for group in groups:
            inner = inner[group]
        assert inner.get(last) != to
        inner[last] = to
        (workdir / path).write_text(json.dumps(content))

    return change


def fact(folder: str, name: str) -> Change:
    return edit(f"{folder}/{MANIFEST}", "facts", name, to="x")


def count(folder: str, split: str, counter: str) -> Change:
    return edit(f"{folder}/{MANIFEST}", "counts", split, counter, to=9)


def write(path: str, text: str) -> Change:
    return lambda w: (w / path).write_text(text)


def sql(table: str, assignment: str, where: str) -> Change:
    def change(workdir: Path) -> None:
        connection = sqlite3.connect(workdir / "metadata.sqlite")
        assert connection.execute(f"UPDATE {table} SET {assignment} WHERE {where}").rowcount  # noqa: S608
        connection.commit()

    return change


def swap(one: str, other: str) -> Change:
    def change(workdir: Path) -> None:
        first, second = (workdir / one).read_bytes(), (workdir / other).read_bytes()
        assert first != second
        (workdir / one).write_bytes(second)
        (workdir / other).write_bytes(first)

    return change


def forge_documents(workdir: Path) -> None:
    """Drop a document and adjust the manifest, as an attacker would."""
    shard = write_records(str(workdir / DOCUMENTS), TRAIN.removeprefix(f"{DOCUMENTS}/"), [])
    path = workdir / DOCUMENTS / "manifest.json"
    content = json.loads(path.read_text())
    content["shards"]["train"] = [shard.model_dump()]
    content["counts"]["train"] = {"documents": 0, "sentences": 0}
    path.write_text(json.dumps(content))


def forge_weights(workdir: Path) -> None:
    """Replace published weights and adjust the manifest."""
    name = "transformers/model.safetensors"
    (workdir / PUBLISHED / name).write_bytes(b"other weights")
    path = workdir / PUBLISHED / "manifest.json"
    content = json.loads(path.read_text())
    (entry,) = [s for s in content["shards"]["all"] if s["path"] == name]
    entry |= describe_file(str(workdir / PUBLISHED), name).model_dump()
    path.write_text(json.dumps(content))


def repack(workdir: Path) -> None:
    """Write the same records with different compression."""
    path = workdir / TRAIN
    path.write_bytes(gzip.compress(gzip.decompress(path.read_bytes()), mtime=5))


def escape(workdir: Path) -> None:
    """Make a manifest list a file outside its folder."""
    edit(f"{VOCABULARY}/manifest.json", "shards", to={"all": [
        describe_file(str(workdir / VOCABULARY), "../../../TextExampleGen/examples/1/manifest.json")
        .model_dump()
    ]})(workdir)  # fmt: skip


# What manifests and ML Metadata reveal of themselves.
FOUND_WITHOUT_A_SEAL: dict[str, Change] = {
    "a bit of a documents shard": flip(TRAIN),
    "a bit in its middle": flip(TRAIN, at=40),
    "a documents shard cut short": cut(EVAL),
    "a documents shard gone": remove(TRAIN),
    "a documents shard repacked": repack,
    "two shards swapped": swap(TRAIN, EVAL),
    "all documents gone": remove(DOCUMENTS),
    "a stranger among the documents": add(f"{DOCUMENTS}/Split-train/documents-00001.gz"),
    "the documents' manifest gone": remove(f"{DOCUMENTS}/{MANIFEST}"),
    "the documents' manifest no JSON": write(f"{DOCUMENTS}/{MANIFEST}", "{"),
    "a count of documents": count(DOCUMENTS, "train", "documents"),
    "a count of sentences": count(DOCUMENTS, "eval", "sentences"),
    "another corpus digest": fact(DOCUMENTS, "corpus_digest"),
    "another code of the documents": fact(DOCUMENTS, "code_digest"),
    "documents dropped, manifest adjusted": forge_documents,
    "the digest of a text file": edit(f"{DOCUMENTS}/files.jsonl", "sha256", to="0" * 64),
    "the list of text files gone": remove(f"{DOCUMENTS}/files.jsonl"),
    "a piece of the vocabulary": flip(f"{VOCABULARY}/vocab.txt", at=0),
    "the tokenizer gone": remove(f"{VOCABULARY}/tokenizer.json"),
    "another digest of the vocabulary": fact(VOCABULARY, "digest"),
    "a manifest that points outside": escape,
    "a vocabulary of other documents": fact(VOCABULARY, "documents_digest"),
    "a bit of the instances": flip(INSTANCES_TRAIN),
    "instances counted wrong": count(INSTANCES, "train", "instances"),
    "instances of other documents": fact(INSTANCES, "documents_digest"),
    "instances of another vocabulary": fact(INSTANCES, "vocabulary_digest"),
    "the copied vocabulary": flip(f"{INSTANCES}/vocabulary/vocab.txt", at=0),
    "histograms gone": remove(f"{INSTANCES}/histograms.json"),
    "a bit of the weights": flip(f"{MODEL}/transformers/model.safetensors"),
    "a model file gone": remove(f"{MODEL}/saved_model.pb"),
    "a stranger in the model": add(f"{MODEL}/transformers/pytorch_model.bin"),
    "other settings of the model": edit(f"{MODEL}/{MANIFEST}", "facts", "settings", "seed", to=8),
    "a model of other instances": fact(MODEL, "instances_digest"),
    "other code of the model": fact(MODEL, "code_digest"),
    "a better loss": edit(EVALUATION, "metrics", "masked_lm_loss", to=1.0),
    "no metrics": remove(EVALUATION),
    "a blessing gone": remove("artifacts/tiny/ModelEvaluator/blessing/7/BLESSED"),
    "the card gone": remove("artifacts/tiny/ModelCardGen/model_card/8"),
    "the report gone": remove("artifacts/tiny/CorpusReportGen/report/5/report.html"),
    "another note of the publication": edit(PUSHED, "version", to="1"),
    "the published model gone": remove(PUBLISHED),
    "a bit of the published weights": flip(f"{PUBLISHED}/transformers/model.safetensors"),
    "published weights, manifest adjusted": forge_weights,
    "the published card": write(f"{PUBLISHED}/README.md", "# The best model"),
    "a stranger in the published folder": add(f"{PUBLISHED}/evil.py"),
    "the pointer to the latest": write("published/tiny/latest.json", '{"version": "1"}'),
    "a loss in ML Metadata": sql("ArtifactProperty", "double_value = 1", "name = 'masked_lm_loss'"),
    "a verdict in ML Metadata": sql("ArtifactProperty", "int_value = 0", "name = 'blessed'"),
}  # fmt: skip
# What only a seal reveals.
FOUND_BY_THE_SEAL: dict[str, Change] = {
    "the statistics": flip("artifacts/tiny/DocumentStatistics/statistics/2/FeatureStats.pb"),
    "the report": write("artifacts/tiny/CorpusReportGen/report/5/report.html", "All is well."),
    "the schema": write("artifacts/tiny/InstanceGen/schema/4/schema.pbtxt", "other {}"),
    "the histograms": write(f"{INSTANCES}/histograms.json", "{ }"),
    "the training's history": edit(TRAINING, "seconds", to=1),
    "a count that nothing recounts": count(DOCUMENTS, "all", "bad_encoding"),
    "the recipe of a run": write(f"{FIRST}/recipe.yaml", "trainer: {steps: 1}"),
    "a reason for the blessing": edit(EVALUATION, "reasons", to=["because"]),
    "a setting in ML Metadata": sql("ExecutionProperty", "string_value = ''", "name LIKE 'text%'"),
    "a state in ML Metadata": sql("Artifact", "state = 3", "id = 2"),
    "the commit of a run": edit(f"{FIRST}/summary.json", "git", "commit", to="0" * 40),
    "a seal": edit(f"{FIRST}/{SEAL}", "previous", to={"x": "y"}),
    "a seal that is no JSON": write(f"{FIRST}/{SEAL}", "{"),
    "another seal taken for it": swap(f"{FIRST}/{SEAL}", f"{SECOND}/{SEAL}"),
}  # fmt: skip
