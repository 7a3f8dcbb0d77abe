"""Write the three artifact folders that the report reads, from real text, in plain Python.

No component of ours is used, so the tests do not depend on them.
"""

import hashlib
import json
import pydoc_data.topics
import random
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import tensorflow as tf
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, trainers

from components.records import write_records
from core.manifest import Manifest, Shard, describe_file, write_manifest

SPECIALS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
LENGTH, SLOTS = 64, 10


@dataclass(frozen=True)
class Folders:
    """Paths of the artifacts."""

    documents: str
    vocabulary: str
    instances: str


@dataclass
class Tally:
    """Counts the instances that are written, as InstanceGen's manifest does."""

    counts: dict[str, int] = field(default_factory=dict)
    length: list[int] = field(default_factory=lambda: [0] * (LENGTH + 1))
    sentence_tokens: list[int] = field(default_factory=lambda: [0] * (LENGTH + 1))
    masked_position: list[int] = field(default_factory=lambda: [0] * LENGTH)
    masked_per_instance: list[int] = field(default_factory=lambda: [0] * (SLOTS + 1))

    def add(self, **counts: int) -> None:
        for name, count in counts.items():
            self.counts[name] = self.counts.get(name, 0) + count

    def histograms(self) -> dict[str, list[int]]:
        return {name: value for name, value in vars(self).items() if name != "counts"}


def topic_documents(topics: int) -> list[tuple[str, list[str]]]:
    """Python's language reference: one document per topic, split into sentences."""
    documents = []
    for name, text in sorted(pydoc_data.topics.topics.items())[:topics]:
        parts = " ".join(text.split()).split(". ")
        documents.append((f"{name}.txt", [part.strip() + "." for part in parts if part.strip()]))
    return documents


def write_folders(
    root: Path, documents: list[tuple[str, list[str]]] | None = None, form: str = "static"
) -> Folders:
    """Write all three; the last fifth of the documents is the eval split."""
    documents = documents or topic_documents(30)
    cut = max(1, len(documents) * 4 // 5)
    splits = {"train": documents[:cut], "eval": documents[cut:] or documents[:1]}
    folders = Folders(*(str(root / name) for name in ("documents", "vocabulary", "instances")))
    _write_documents(folders.documents, splits)
    tokenizer = _write_vocabulary(folders.vocabulary, documents)
    _write_instances(folders.instances, splits, tokenizer, form)
    return folders


def _write_documents(folder: str, splits: dict[str, list[tuple[str, list[str]]]]) -> None:
    shards, counts = {}, {}
    for split, documents in splits.items():
        records = []
        for source, sentences in documents:
            joined = "\n".join(sentences).encode("utf-8", "surrogatepass")
            digest = hashlib.sha256(joined).hexdigest()[:32]
            values = [sentence.encode() for sentence in sentences]
            records.append(
                _example(document_id=[digest.encode()], sentences=values, source=[source.encode()])
            )
        path = f"Split-{split}/documents-00000-of-00001.tfrecord.gz"
        shards[split] = [write_records(folder, path, records)]
        counts[split] = {
            "documents": len(documents),
            "sentences": sum(len(s) for _, s in documents),
            "text_bytes": sum(len(s.encode()) for _, d in documents for s in d),
        }
    counts["all"] = {"files": len(splits["train"]), "empty_files": 2, "duplicate_documents": 0}
    facts = {"corpus_digest": "c0ffee" * 10, "span": 0, "code_digest": "0123456789abcdef"}
    write_manifest(folder, Manifest(kind="documents", shards=shards, counts=counts, facts=facts))


def _write_vocabulary(folder: str, documents: list[tuple[str, list[str]]]) -> Tokenizer:
    tokenizer = Tokenizer(models.WordPiece(unk_token="[UNK]"))  # noqa: S106 - a piece
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=True, strip_accents=False)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    trainer = trainers.WordPieceTrainer(
        vocab_size=2000, special_tokens=SPECIALS, show_progress=False
    )
    tokenizer.train_from_iterator((s for _, d in documents for s in d), trainer)
    Path(folder).mkdir(parents=True)
    tokens = sorted(tokenizer.get_vocab(), key=tokenizer.token_to_id)
    (Path(folder) / "vocab.txt").write_text("".join(f"{t}\n" for t in tokens), encoding="utf-8")
    manifest = Manifest(
        kind="vocabulary",
        shards={"all": [describe_file(folder, "vocab.txt")]},
        counts={"all": {"vocab_size": len(tokens), "measured_words": 9000, "unknown_words": 3}},
        facts={"digest": "beef" * 16, "special_ids": {s: n for n, s in enumerate(SPECIALS)}},
    )
    write_manifest(folder, manifest)
    return tokenizer


def _write_instances(
    folder: str, splits: dict[str, list[tuple[str, list[str]]]], tokenizer: Tokenizer, form: str
) -> None:
    rng = random.Random(1)  # noqa: S311 - test data
    shards: dict[str, list[Shard]] = {}
    tallies: dict[str, Tally] = {}
    token_counts = np.zeros(tokenizer.get_vocab_size(), dtype=np.int64)
    for split, documents in splits.items():
        tally = tallies[split] = Tally()
        records = []
        for _, sentences in documents:
            encoded = [tokenizer.encode(sentence).ids for sentence in sentences]
            for ids in encoded:
                tally.sentence_tokens[min(len(ids), LENGTH)] += 1
            for first, second in zip(encoded[::2], encoded[1::2], strict=False):
                records.append(_pair(first[:30], second[:30], tally, rng, form, token_counts))
                if split != "train":
                    continue
                np.add.at(token_counts, first[:30] + second[:30], 1)
        path = f"Split-{split}/instances-00000-of-00001.tfrecord.gz"
        shards[split] = [write_records(folder, path, records)]
    np.save(Path(folder) / "token_counts.npy", token_counts, allow_pickle=False)
    histograms = {split: tally.histograms() for split, tally in tallies.items()}
    (Path(folder) / "histograms.json").write_text(json.dumps(histograms))
    facts = {
        "form": form, "objective": "next_sentence", "seq_length": LENGTH, "max_predictions": SLOTS,
        "vocabulary_digest": "beef" * 16, "documents_digest": "d0c5" * 16, "dupe_factor": 1,
        "masking": {"rate": 0.15, "mask_share": 0.8, "random_share": 0.1, "unit": "token"},
    }  # fmt: skip
    counts = {split: tally.counts for split, tally in tallies.items()}
    write_manifest(folder, Manifest(kind="instances", shards=shards, counts=counts, facts=facts))


def _pair(
    first: list[int], second: list[int], tally: Tally, rng: random.Random, form: str,
    token_counts: np.ndarray,
) -> bytes:  # fmt: skip
    ids = [2, *first, 3, *second, 3]
    real, label = len(ids), tally.counts.get("instances", 0) % 2
    segments = [0] * (len(first) + 2) + [1] * (len(second) + 1)
    tally.add(
        instances=1, real_tokens=real, padding_tokens=LENGTH - real, unknown_tokens=ids.count(1),
        random_next=label, actual_next=1 - label,
    )  # fmt: skip
    tally.length[real] += 1
    if form == "dynamic":
        return _example(
            input_ids=ids, segment_ids=segments, word_starts=[1] * real,
            next_sentence_labels=[label],
        )  # fmt: skip
    usable = [n for n, token in enumerate(ids) if token not in (2, 3)]
    chosen = sorted(rng.sample(usable, min(SLOTS, len(usable), max(1, round(0.15 * real)))))
    originals = [ids[n] for n in chosen]
    for position in chosen:
        fate = rng.random()
        name = "mask_replaced" if fate < 0.8 else "random_replaced" if fate < 0.9 else "kept"
        tally.add(masked_tokens=1, **{name: 1})
        tally.masked_position[position] += 1
        ids[position] = {
            "mask_replaced": 4, "random_replaced": rng.randrange(5, len(token_counts)),
        }.get(name, ids[position])  # fmt: skip
    tally.masked_per_instance[len(chosen)] += 1
    empty, padding = SLOTS - len(chosen), LENGTH - real
    return _example(
        input_ids=ids + [0] * padding,
        input_mask=[1] * real + [0] * padding,
        segment_ids=segments + [0] * padding,
        masked_lm_positions=chosen + [0] * empty,
        masked_lm_ids=originals + [0] * empty,
        masked_lm_weights=[1.0] * len(chosen) + [0.0] * empty,
        next_sentence_labels=[label],
    )


def _example(**features: list[bytes] | list[int] | list[float]) -> bytes:
    kinds = {bytes: "bytes_list", int: "int64_list", float: "float_list"}
    example = tf.train.Example()
    for name, values in features.items():
        getattr(example.features.feature[name], kinds[type(values[0])]).value.extend(values)
    return example.SerializeToString(deterministic=True)
