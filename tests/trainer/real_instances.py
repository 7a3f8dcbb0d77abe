"""Real text to instances of both forms, by hand: independent of the component that makes them."""

import functools
import json
import re
from collections import Counter
from pathlib import Path
from pydoc_data.topics import topics

import numpy as np
import tensorflow as tf
from tokenizers import AddedToken, Tokenizer, models, normalizers, pre_tokenizers, processors

from components.records import write_records
from components.vocabulary_gen.importing import import_vocabulary
from components.vocabulary_gen.writing.write_vocabulary import write_vocabulary as import_into
from core.draw import draw
from core.manifest import Manifest, Shard, describe_file, write_manifest
from core.vocabulary.vocabulary import Vocabulary, files_digest, load_vocabulary
from core.vocabulary.wordpiece import SPECIALS
from trainer.settings.masking import MaskingSettings

# The first articles of the Universal Declaration of Human Rights.
KOREAN = (
    "모든 인간은 태어날 때부터 자유로우며 그 존엄과 권리에 있어 동등하다.",
    "인간은 천부적으로 이성과 양심을 부여받았으며 서로 형제애의 정신으로 행동하여야 한다.",
    "모든 사람은 생명과 신체의 자유와 안전에 대한 권리를 가진다.",
    "어느 누구도 노예상태 또는 예속상태에 놓여지지 아니한다.",
)
MASK_RATE = 0.15


def read_documents() -> list[list[str]]:
    """The language reference that every Python carries, as documents of sentences."""
    documents = [re.split(r"(?<=[.:])\s+", text) for _, text in sorted(topics.items())]
    return [[" ".join(s.split()) for s in d if s.strip()] for d in documents] + [list(KOREAN)]


@functools.cache
def make_tokenizer(size: int) -> Tokenizer:
    """An uncased WordPiece tokenizer of all characters and the most frequent words.

    It is not trained: the library's trainer breaks ties at random.
    """
    text = " ".join(s for d in read_documents() for s in d).lower()
    characters = sorted(set(text) - {" "})
    words = Counter(re.findall(r"[a-z]{2,}|[가-힣]+", text))
    entries = [*SPECIALS, *characters, *(f"##{c}" for c in characters)]
    entries += sorted(words, key=lambda word: (-words[word], word))[: size - len(entries)]
    vocab = {entry: n for n, entry in enumerate(entries)}
    tokenizer = Tokenizer(models.WordPiece(vocab, unk_token=SPECIALS[1]))
    bert = normalizers.BertNormalizer(strip_accents=False, lowercase=True)
    tokenizer.normalizer = normalizers.Sequence([normalizers.NFC(), bert, normalizers.NFC()])
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]",
        pair="[CLS] $A [SEP] $B:1 [SEP]:1",
        special_tokens=[("[CLS]", 2), ("[SEP]", 3)],
    )
    tokenizer.add_special_tokens([AddedToken(name, special=True) for name in SPECIALS])
    return tokenizer


def write_vocabulary(folder: Path, size: int = 800) -> Vocabulary:
    """Writes a vocabulary as VocabularyGen does."""
    tokenizer = make_tokenizer(size)
    folder.mkdir(parents=True, exist_ok=True)
    tokenizer.save(str(folder / "tokenizer.json"))
    tokens = sorted(tokenizer.get_vocab(), key=tokenizer.get_vocab().__getitem__)
    (folder / "vocab.txt").write_text("".join(f"{t}\n" for t in tokens), encoding="utf-8")
    config = {"tokenizer_class": "BertTokenizer", "do_lower_case": True, "strip_accents": False}
    (folder / "tokenizer_config.json").write_text(json.dumps(config), encoding="utf-8")
    return _finish_vocabulary(folder, len(tokens))


def copy_vocabulary(folder: Path, source: str) -> Vocabulary:
    """Imports a vocabulary as VocabularyGen does."""
    made = import_vocabulary(source, "wordpiece")
    folder.mkdir(parents=True)
    import_into(made, str(folder))
    return _finish_vocabulary(folder, made.tokenizer.get_vocab_size())


def _finish_vocabulary(folder: Path, size: int) -> Vocabulary:
    digest = files_digest(*((folder / n).read_bytes() for n in ("tokenizer.json", "vocab.txt")))
    shards = [describe_file(str(folder), f.name) for f in sorted(folder.iterdir())]
    facts = {"digest": digest, "vocab_size": size}
    write_manifest(
        str(folder), Manifest(kind="vocabulary", shards={"all": shards}, counts={}, facts=facts)
    )
    return load_vocabulary(str(folder))


def write_instances(
    folder: Path,
    form: str = "static",
    *,
    length: int = 32,
    instances: int = 96,
    shards: int = 3,
    vocab_size: int = 800,
    import_from: str | None = None,
) -> str:
    """Writes an instances artifact with a train and an eval split; returns its folder.

    The vocabulary is made here, or the one of a folder that `transformers` wrote.
    """
    if import_from:
        vocabulary = copy_vocabulary(folder / "vocabulary", import_from)
    else:
        vocabulary = write_vocabulary(folder / "vocabulary", vocab_size)
    slots = int(np.ceil(MASK_RATE * length))
    counts = np.zeros(vocabulary.size, np.int64)
    pairs = _pairs(vocabulary, length, instances + instances // 4, counts)
    splits = {"train": pairs[:instances], "eval": pairs[instances:]}
    written: dict[str, list[Shard]] = {}
    for split, of_split in splits.items():
        count = shards if split == "train" else 1
        written[split] = []
        for n in range(count):
            records = [
                _static(p, vocabulary, length, slots, i) if form == "static" else _dynamic(p)
                for i, p in enumerate(of_split[n::count])
            ]
            path = f"Split-{split}/instances-{n:05d}-of-{count:05d}.tfrecord.gz"
            written[split].append(write_records(str(folder), path, records))
    np.save(folder / "token_counts.npy", counts)
    facts = {
        "form": form,
        "objective": "next_sentence",
        "seq_length": length,
        "max_predictions": slots,
        "vocab_size": vocabulary.size,
        "vocabulary_digest": vocabulary.digest,
        "masking": MaskingSettings().model_dump(mode="json"),
    }
    sizes = {split: {"instances": len(of_split)} for split, of_split in splits.items()}
    write_manifest(
        str(folder), Manifest(kind="instances", shards=written, counts=sizes, facts=facts)
    )
    return str(folder)


def _pairs(vocabulary: Vocabulary, length: int, count: int, counts: np.ndarray) -> list[dict]:
    """Pairs of sentences, every other one with a sentence of elsewhere as its second."""
    tokenizer = vocabulary.tokenizer()
    sentences = [s for d in read_documents() for s in d if len(s) > 20][: 2 * count + 1]
    ids = [tokenizer.encode(s).ids for s in sentences]
    half = (length - 3) // 2
    pairs = []
    for n in range(count):
        random_next = n % 2
        first = ids[2 * n % len(ids)][:half]
        second = ids[(2 * n + 1 + random_next * 37) % len(ids)][:half]
        np.add.at(counts, first + second, 1)
        tokens = [vocabulary.cls_id, *first, vocabulary.sep_id, *second, vocabulary.sep_id]
        pairs.append(
            {
                "input_ids": tokens,
                "segment_ids": [0] * (len(first) + 2) + [1] * (len(second) + 1),
                "word_starts": [int(not vocabulary.continuation[t]) for t in tokens],
                "next_sentence_labels": [random_next],
            }
        )
    return pairs


def _dynamic(pair: dict) -> bytes:
    return _example({name: np.array(values) for name, values in pair.items()})


def _static(pair: dict, vocabulary: Vocabulary, length: int, slots: int, number: int) -> bytes:
    ids = np.array(pair["input_ids"])
    rng = draw(7, "test mask", number)
    candidates = np.flatnonzero(~np.isin(ids, vocabulary.special_ids))
    chosen = np.sort(rng.permutation(candidates)[: max(1, round(MASK_RATE * len(ids)))][:slots])
    masked = ids.copy()
    masked[chosen] = np.where(rng.random(len(chosen)) < 0.8, vocabulary.mask_id, ids[chosen])

    def pad(values: np.ndarray, size: int) -> np.ndarray:
        return np.pad(values, (0, size - len(values)))

    return _example(
        {
            "input_ids": pad(masked, length),
            "input_mask": pad(np.ones_like(ids), length),
            "segment_ids": pad(np.array(pair["segment_ids"]), length),
            "masked_lm_positions": pad(chosen, slots),
            "masked_lm_ids": pad(ids[chosen], slots),
            "masked_lm_weights": pad(np.ones(len(chosen), np.float32), slots),
            "next_sentence_labels": np.array(pair["next_sentence_labels"]),
        }
    )


def _example(features: dict[str, np.ndarray]) -> bytes:
    example = tf.train.Example()
    for name, values in features.items():
        feature = example.features.feature[name]
        if values.dtype == np.float32:
            feature.float_list.value.extend(values.tolist())
        else:
            feature.int64_list.value.extend(values.tolist())
    return example.SerializeToString(deterministic=True)
