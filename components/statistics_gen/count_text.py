"""Count the values of text features in shards of documents, in bounded memory.

Distinct values are estimated with a sketch, exactly up to 16,384 of them. The most frequent values
are exact as long as no unit has more distinct ones than are kept.
"""

import base64
import heapq
import itertools
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from tfx_bsl.coders import example_coder
from tfx_bsl.sketches import KmvSketch

from components.records import check_records, read_records
from components.statistics_gen.frequent_texts import FrequentTexts
from components.unit_work import Unit
from core import storage
from core.manifest import Manifest
from core.progress import show_progress

UNIT_BYTES = 8 << 20  # of compressed shards, per unit of work
MAX_UNITS = 64
BATCH_RECORDS = 1024
DISTINCT_KEPT = 1 << 14  # hashes in the sketch of a feature; its error is below 1 %
LARGE_VALUE_BYTES = 1024  # longer values are counted under one name, as TFDV's sketches do
LARGE_VALUE, INVALID_VALUE = "__LARGE_BYTES__", "__BYTES_VALUE__"  # TFDV's names


@dataclass
class FeatureText:
    """Counts of one text feature."""

    lengths: Counter[int] = field(default_factory=Counter)  # number of records with so many values
    size_bytes: int = 0
    invalid: int = 0  # values that are not UTF-8
    frequent: Counter[str] = field(default_factory=Counter)
    texts: FrequentTexts = field(default_factory=FrequentTexts)  # `frequent` while a unit is read
    distinct: Any = field(default_factory=lambda: KmvSketch(DISTINCT_KEPT))

    def add(self, values: pa.Array) -> None:
        """Count the values of some records."""
        self.distinct.AddValues(values)
        sizes = pc.binary_length(values).to_numpy()
        self.size_bytes += int(sizes.sum())
        try:
            texts = values.cast(pa.large_utf8())
        except pa.ArrowInvalid:
            decoded = list(map(_decode, values.to_pylist()))
            self.invalid += decoded.count(INVALID_VALUE)
            texts = pa.array(decoded, pa.large_utf8())
        if (is_large := sizes > LARGE_VALUE_BYTES).any():
            texts = pc.if_else(is_large, pa.scalar(LARGE_VALUE, pa.large_utf8()), texts)
        self.texts.add(texts)


TextCounts = dict[str, FeatureText]  # by feature


def plan_units(manifest: Manifest) -> list[Unit]:
    """Divide the shards into units, which depend on the documents alone."""
    sizes = [shard.size_bytes for shards in manifest.shards.values() for shard in shards]
    target = max(UNIT_BYTES, sum(sizes) // MAX_UNITS)
    units: list[Unit] = []
    size = target
    for split, shards in manifest.shards.items():
        for shard in shards:
            if size >= target:
                units.append({split: [] for split in manifest.shards})
                size = 0
            units[-1][split].append([shard.path, shard.sha256, shard.records])
            size += shard.size_bytes
    return units


def count_text(folder: str, unit: Unit) -> dict[str, Any]:
    """Count the documents of a unit; return the counts of each split in a form for JSON."""
    total = sum(records for shards in unit.values() for _, _, records in shards)
    result: dict[str, Any] = {}
    with show_progress("DocumentStatistics", "documents", total) as advance:
        for split, shards in unit.items():
            counts: TextCounts = {}
            for name, digest, _ in shards:
                path = storage.join(folder, name)
                check_records(path, digest)
                records = read_records(path)
                while block := list(itertools.islice(records, BATCH_RECORDS)):
                    _add_block(counts, block)
                    advance(len(block))
            result[split] = {name: _to_json(feature) for name, feature in counts.items()}
    return result


def add_text_counts(parts: Iterable[dict[str, Any]]) -> TextCounts:
    """Add up the counts of a split in several units."""
    total: TextCounts = {}
    for part in parts:
        for name, fields in part.items():
            new, old = _from_json(fields), total.get(name)
            if old is None:
                total[name] = new
                continue
            old.lengths.update(new.lengths)
            old.frequent.update(new.frequent)
            old.distinct.Merge(new.distinct)
            old.size_bytes += new.size_bytes
            old.invalid += new.invalid
    return total


def _add_block(counts: TextCounts, records: list[bytes]) -> None:
    batch = example_coder.ExamplesToRecordBatchDecoder().DecodeBatch(records)
    for name, column in zip(batch.schema.names, batch.columns, strict=True):
        feature = counts.setdefault(name, FeatureText())
        lengths = column.value_lengths().drop_null().to_numpy()
        feature.lengths.update({n: k for n, k in enumerate(np.bincount(lengths).tolist()) if k})
        feature.add(column.flatten())


def most_frequent(counts: Counter[str], number: int) -> list[tuple[str, int]]:
    """Return the most frequent values, and of equally frequent ones the last in order, as TFDV."""
    ranked = heapq.nlargest(number, zip(counts.values(), counts, strict=True))
    return [(value, count) for count, value in ranked]


def _decode(value: bytes) -> str:
    try:
        return value.decode()
    except UnicodeDecodeError:
        return INVALID_VALUE


def _to_json(feature: FeatureText) -> dict[str, Any]:
    return {
        "lengths": sorted(feature.lengths.items()),
        "size_bytes": feature.size_bytes,
        "invalid": feature.invalid,
        "frequent": feature.texts.most_frequent(),
        "distinct": base64.b64encode(feature.distinct.Serialize()).decode(),
    }


def _from_json(fields: dict[str, Any]) -> FeatureText:
    return FeatureText(
        lengths=Counter(dict(fields["lengths"])),
        size_bytes=fields["size_bytes"],
        invalid=fields["invalid"],
        frequent=Counter(fields["frequent"]),
        distinct=KmvSketch.Deserialize(base64.b64decode(fields["distinct"])),
    )
