"""Write a model and the artifacts that it comes from by hand, with real documents."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from components.model_card.origin import Origin, read_origin
from core.manifest import Manifest, describe_file, read_manifest, write_manifest
from tests.components.corpus_report.folders import topic_documents, write_folders

METRICS = {
    "masked_lm_loss": 4.25,
    "masked_lm_perplexity": 70.105,
    "masked_lm_accuracy": 0.251,
    "unigram_loss": 6.5,
    "next_sentence_loss": 0.6,
    "next_sentence_accuracy": 0.66,
    "random_next_share": 0.48,
    "instances": 1200,
    "masked_tokens": 15000,
}


@dataclass(frozen=True)
class Made:
    """The folders of the five artifacts; `model` is the serving folder."""

    model: str
    evaluation: str
    documents: str
    vocabulary: str
    instances: str

    def origin(self) -> Origin:
        return read_origin(**vars(self))


def model_facts(instances: str) -> dict[str, Any]:
    return {
        "architecture": {
            "type": "bert", "vocab_size": 2000, "num_layers": 2, "hidden_size": 128,
            "num_heads": 2, "intermediate_size": 512, "max_position": 128, "pad_id": 0,
        },
        "parameters": 707_456, "steps": 1500, "tokens_seen": 3_000_000, "seq_length": 64,
        "objective": "next_sentence", "seed": 12345, "code_digest": "0011223344556677",
        "instances_digest": read_manifest(instances).content_digest(),
        "strategy": "One CPU: there is no GPU.", "replicas": 1,
        "settings": {
            "trainer": {"learning_rate": 1e-4, "steps": 1500, "global_batch_size": 32},
            "seed": 12345,
        },
        "versions": {"tensorflow": "2.16.2", "numpy": "1.26.4"},
    }  # fmt: skip


def write_evaluation(folder: Path, **changes: Any) -> str:
    content = {
        "metrics": METRICS, "baseline_metrics": None, "blessed": True,
        "reasons": ["held-out loss 4.2500 lies +2.2500 nats below the unigram baseline 6.5000"],
        **changes,
    }  # fmt: skip
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "metrics.json").write_text(json.dumps(content), encoding="utf-8")
    return str(folder)


def make(root: Path, documents: list[tuple[str, list[str]]] | None = None) -> Made:
    folders = write_folders(root, documents or topic_documents(12))
    model = root / "model" / "Format-Serving"
    model.mkdir(parents=True)
    (model / "saved_model.pb").write_bytes(b"graph")
    manifest = Manifest(
        kind="model",
        shards={"all": [describe_file(str(model), "saved_model.pb")]},
        counts={"all": {"parameters": 707_456}},
        facts=model_facts(folders.instances),
    )
    write_manifest(str(model), manifest)
    evaluation = write_evaluation(root / "evaluation")
    return Made(str(model), evaluation, folders.documents, folders.vocabulary, folders.instances)


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> Made:
    return make(tmp_path_factory.mktemp("card"))
