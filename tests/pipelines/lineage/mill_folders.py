"""Write the outputs of each node of the mill: folders with manifests, and properties."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ml_metadata.proto import metadata_store_pb2 as pb

from components.publisher.publish import publish
from components.records import write_records
from components.text_example_gen.documents import encode_document
from core.manifest import Manifest, describe_file, read_manifest, write_manifest
from core.vocabulary.vocabulary import files_digest

Documents = Sequence[Sequence[str]]
Outputs = dict[str, pb.Artifact]
PROSE: Documents = (
    ("A mill turns grain into flour.", "The stones are dressed every month."),
    ("Water drives the wheel.", "In a dry summer it stands still.", "The miller mends sacks."),
    ("A cog is a tooth of wood.", "Apple wood is best."),
    ("The hopper feeds the eye of the stone.",),
    ("Sieves part bran from flour.", "Fine cloth is called bolting cloth."),
)


@dataclass(frozen=True, kw_only=True)
class Plan:
    """The settings and the outcome of one run of the mill."""

    documents: Documents = PROSE
    learning_rate: float = 1e-4
    steps: int = 100
    start_from: str | None = None
    loss: float = 3.91
    scores: Mapping[str, float] = field(default_factory=dict)  # on downstream tasks
    blessed: bool = True
    trainer_code: str = "5c7db48cfc0a37e5"
    commit: str = "d75ed2edb2d6ee9a1f1952f335e5fca90211b74d"
    dirty: bool = False
    fails_at: str | None = None  # a node
    killed_at: str | None = None  # a node; the run leaves no summary
    model_file: str = "vocab.txt"  # of the vocabulary


def text_digest(documents: Documents) -> str:
    """Return a digest that stands for the sha256 of the one text file."""
    return hashlib.sha256(json.dumps([list(d) for d in documents]).encode()).hexdigest()


class Writer:
    """Write the outputs of a node: folders with manifests, and properties."""

    def __init__(self, plan: Plan, files: bool) -> None:
        self.plan, self.files = plan, files

    def write(
        self, node: str, inputs: Outputs, outputs: Outputs, settings: Mapping[str, Any]
    ) -> None:
        """Fill the outputs of one node."""
        if node == "ModelEvaluator":
            properties = outputs["evaluation"].custom_properties
            properties["masked_lm_loss"].double_value = self.plan.loss
            properties["unigram_loss"].double_value = 6.02
            for name, value in self.plan.scores.items():
                properties[name].double_value = value
            outputs["blessing"].custom_properties["blessed"].int_value = int(self.plan.blessed)
        if node == "Pusher":
            outputs["pushed_model"].custom_properties["pushed"].int_value = int(self.plan.blessed)
        if self.files:
            folders = {key: Path(artifact.uri) for key, artifact in {**inputs, **outputs}.items()}
            for key in outputs:
                folders[key].mkdir(parents=True)
            getattr(self, f"_{node}")(folders, settings, outputs)

    def _TextExampleGen(self, folders: Any, settings: Any, _: Any) -> None:
        records = sorted(
            (hashlib.sha256("\n".join(d).encode()).hexdigest()[:32], d) for d in self.plan.documents
        )
        folder, cut = str(folders["examples"]), len(records) - 1
        shards, counts = {}, {"all": {"files": 1, "bad_encoding": 0}}
        for split, part in (("train", records[:cut]), ("eval", records[cut:])):
            path = f"Split-{split}/documents-00000-of-00001.tfrecord.gz"
            shards[split] = [
                write_records(folder, path, (encode_document(i, d, "a.txt") for i, d in part))
            ]
            counts[split] = {"documents": len(part), "sentences": sum(len(d) for _, d in part)}
        file = {"name": "a.txt", "sha256": text_digest(self.plan.documents)}
        (folders["examples"] / "files.jsonl").write_text(json.dumps(file) + "\n")
        facts = {"corpus_digest": settings["input_fingerprint"], "span": 0,
                 "code_digest": settings["code_digest"]}  # fmt: skip
        write_manifest(
            folder, Manifest(kind="documents", shards=shards, counts=counts, facts=facts)
        )

    def _DocumentStatistics(self, folders: Any, *_: Any) -> None:
        (folders["statistics"] / "FeatureStats.pb").write_bytes(b"statistics")

    def _VocabularyGen(self, folders: Any, settings: Any, _: Any) -> None:
        words = {w for d in self.plan.documents for s in d for w in s.lower().rstrip(".").split()}
        vocab = "\n".join(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *sorted(words)]).encode()
        tokenizer = json.dumps({"model": {"vocab": len(words)}}).encode()
        folder = folders["vocabulary"]
        (folder / self.plan.model_file).write_bytes(vocab)
        (folder / "tokenizer.json").write_bytes(tokenizer)
        documents = read_manifest(str(folders["documents"]))
        facts = {"digest": files_digest(tokenizer, vocab), "vocab_size": len(words) + 5,
                 "documents_digest": documents.content_digest(),
                 "code_digest": settings["code_digest"]}  # fmt: skip
        _manifest(folder, "vocabulary", [self.plan.model_file, "tokenizer.json"], facts)

    def _InstanceGen(self, folders: Any, settings: Any, _: Any) -> None:
        folder = str(folders["instances"])
        shards = {
            split: [write_records(folder, f"Split-{split}/instances-00000-of-00001.tfrecord.gz",
                                  (f"{split} {n}".encode() for n in range(3)))]
            for split in ("train", "eval")
        }  # fmt: skip
        (folders["instances"] / "histograms.json").write_text("{}")
        (folders["instances"] / "token_counts.npy").write_bytes(b"counts")
        (folders["schema"] / "schema.pbtxt").write_text("feature {}")
        copy = folders["instances"] / "vocabulary"
        copy.mkdir()
        for file in folders["vocabulary"].iterdir():
            (copy / file.name).write_bytes(file.read_bytes())
        vocabulary = read_manifest(str(folders["vocabulary"]))
        facts = {"vocabulary_digest": vocabulary.facts["digest"], "form": "dynamic",
                 "documents_digest": read_manifest(str(folders["documents"])).content_digest(),
                 "code_digest": settings["code_digest"]}  # fmt: skip
        counts = {split: {"instances": 3, "real_tokens": 90} for split in shards}
        write_manifest(
            folder, Manifest(kind="instances", shards=shards, counts=counts, facts=facts)
        )

    def _CorpusReportGen(self, folders: Any, *_: Any) -> None:
        (folders["report"] / "report.html").write_text("<!doctype html><title>Report</title>")

    def _Trainer(self, folders: Any, settings: Any, _: Any) -> None:
        instances = read_manifest(str(folders["examples"]))
        training = json.loads(json.loads(settings["custom_config"])["training"])
        folder = folders["model"] / "Format-Serving"
        (folder / "transformers").mkdir(parents=True)
        names = ["saved_model.pb", "transformers/config.json", "transformers/model.safetensors"]
        for name in names:
            (folder / name).write_text(f"{name} {json.dumps(training)}")
        facts = {
            "parameters": 20_000, "steps": self.plan.steps, "seed": 7, "tokens_seen": 6400,
            "settings": {k: v for k, v in training.items() if k != "checkpoint_root"},
            "instances_digest": instances.content_digest(), "code_digest": training["code_digest"],
            "vocabulary_digest": instances.facts["vocabulary_digest"],
            "versions": {"tensorflow": "2.16.2", "numpy": "1.26.4"},
        }  # fmt: skip
        if "polarity.probe" in self.plan.scores:
            ends = ((0, 0.5), (self.plan.steps, self.plan.scores["polarity.probe"]))
            facts["task_scores"] = [{"step": step, "polarity.probe": score} for step, score in ends]
        _manifest(folder, "model", names, facts, {"all": {"parameters": 20_000}})
        (folders["model_run"] / "training.json").write_text('{"seconds": 4.5, "history": []}')

    def _ModelEvaluator(self, folders: Any, *_: Any) -> None:
        metrics = {"masked_lm_loss": self.plan.loss, "unigram_loss": 6.02, **self.plan.scores}
        content = {"metrics": metrics, "baseline_metrics": None, "blessed": self.plan.blessed,
                   "reasons": ["lies below the baseline"]}  # fmt: skip
        (folders["evaluation"] / "metrics.json").write_text(json.dumps(content))
        name = "BLESSED" if self.plan.blessed else "NOT_BLESSED"
        (folders["blessing"] / name).write_text("")

    def _ModelCardGen(self, folders: Any, *_: Any) -> None:
        (folders["model_card"] / "README.md").write_text(f"# A model, loss {self.plan.loss}\n")

    def _Pusher(self, folders: Any, settings: Any, outputs: Outputs) -> None:
        content: dict[str, Any] = {"pushed": False, "reason": "not blessed"}
        if self.plan.blessed:
            destination, card = settings["destination"], str(folders["model_card"])
            made = publish(f"{folders['model']}/Format-Serving", card, destination, lambda: 1.8e9)
            content = {"pushed": True, "destination": destination, **vars(made)}
            properties = outputs["pushed_model"].custom_properties
            properties["pushed_destination"].string_value = made.folder
            properties["pushed_version"].string_value = made.version
        (folders["pushed_model"] / "published.json").write_text(json.dumps(content))


def _manifest(
    folder: Path,
    kind: str,
    names: list[str],
    facts: Any,
    counts: dict[str, dict[str, int]] | None = None,
) -> None:
    shards = {"all": [describe_file(str(folder), name) for name in names]}
    write_manifest(
        str(folder), Manifest(kind=kind, shards=shards, counts=counts or {}, facts=facts)
    )
