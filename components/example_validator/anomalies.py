"""Decide which anomalies would spoil training, and explain them with a remedy.

Works on TFDV's `Anomalies` messages and does not import TFX.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

# Kinds that are known to be harmless. All others are harmful, so a kind that is new in TFDV stops
# the run. Names of AnomalyInfo.Type (tensorflow_metadata, anomalies.proto).
TOLERATED = frozenset(
    {
        "ENUM_TYPE_UNEXPECTED_STRING_VALUES",  # a new `source`
        "SCHEMA_NEW_COLUMN",  # readers ask for features by name, so one more does not matter
        "FEATURE_TYPE_HIGH_UNIQUE",
        "FEATURE_TYPE_LOW_UNIQUE",
        "COMPARATOR_CONTROL_DATA_MISSING",  # drift: new text may differ from old text
        "COMPARATOR_TREATMENT_DATA_MISSING",
        "COMPARATOR_L_INFTY_HIGH",
        "COMPARATOR_JENSEN_SHANNON_DIVERGENCE_HIGH",
        "COMPARATOR_NORMALIZED_ABSOLUTE_DIFFERENCE_HIGH",
        "COMPARATOR_LOW_NUM_EXAMPLES",
        "COMPARATOR_HIGH_NUM_EXAMPLES",
        "DATASET_HIGH_NUM_EXAMPLES",
    }
)
_REWRITE = "Delete the artifact and run again to write it again"
_REMEDIES = {
    "SCHEMA_MISSING_COLUMN": f"Other code wrote the records. {_REWRITE}",
    "FEATURE_TYPE_NOT_PRESENT": f"Other code wrote the records. {_REWRITE}",
    "FEATURE_TYPE_LOW_FRACTION_PRESENT": f"Some records lack the feature. {_REWRITE}",
    "FEATURE_TYPE_LOW_NUMBER_PRESENT": "Give more text, or lower the schema's min_count",
    "FEATURE_TYPE_LOW_NUMBER_VALUES": f"The lengths differ from the settings. {_REWRITE}",
    "FEATURE_TYPE_HIGH_NUMBER_VALUES": f"The lengths differ from the settings. {_REWRITE}",
    "INVALID_FEATURE_SHAPE": f"The lengths differ from the settings. {_REWRITE}",
    "INT_TYPE_BIG_INT": "Generate the instances with the vocabulary of the model",
    "INT_TYPE_SMALL_INT": "Generate the instances with the vocabulary of the model",
    "UNEXPECTED_DATA_TYPE": f"The feature's type differs. {_REWRITE}",
    "ENUM_TYPE_INVALID_UTF8": "Save the text as UTF-8, or set text.on_bad_line: skip",
    "DATASET_LOW_NUM_EXAMPLES": "Give more text, or raise text.eval_fraction",
}


@dataclass(frozen=True)
class Anomaly:
    """A difference between a split's statistics and the schema."""

    split: str
    feature: str  # its path, or "the split"
    kinds: tuple[str, ...]  # names of AnomalyInfo.Type
    description: str  # TFDV's sentences

    @property
    def is_harmful(self) -> bool:
        """Return whether the anomaly would spoil training on the split."""
        return not set(self.kinds) <= TOLERATED

    def __str__(self) -> str:
        kinds = [kind for kind in self.kinds if kind not in TOLERATED] or self.kinds
        remedy = next((_REMEDIES[k] for k in kinds if k in _REMEDIES), _REWRITE)
        description = self.description.rstrip(". ")
        return f"split {self.split}, {self.feature}: {description} ({', '.join(kinds)}). {remedy}."


def list_anomalies(anomalies: Mapping[str, Any]) -> list[Anomaly]:
    """Return all anomalies of all splits, from TFDV's `Anomalies` message of each."""
    return [each for split in sorted(anomalies) for each in _of_split(split, anomalies[split])]


def explain(anomalies: list[Anomaly]) -> str:
    """Return the message that stops the run, with one line per anomaly."""
    lines = "".join(f"\n  - {anomaly}" for anomaly in anomalies)
    return f"{len(anomalies)} anomalies in the examples would spoil training:{lines}"


def _of_split(split: str, anomalies: Any) -> Iterator[Anomaly]:
    """Yield the anomalies of a split, by feature.

    The kinds of an anomaly come from `reason`, because TFDV gives an anomaly with several reasons
    the kind MULTIPLE_REASONS.
    """
    for name in sorted(anomalies.anomaly_info):
        yield _read(split, f"feature {name}", anomalies.anomaly_info[name])
    if anomalies.HasField("dataset_anomaly_info"):
        yield _read(split, "the split", anomalies.dataset_anomaly_info)
    if anomalies.data_missing:
        yield Anomaly(split, "the split", ("DATASET_LOW_NUM_EXAMPLES",), "it has no examples")


def _read(split: str, feature: str, info: Any) -> Anomaly:
    kinds = tuple(_kind(reason) for reason in info.reason) or ("UNKNOWN_TYPE",)
    return Anomaly(split, feature, kinds, " ".join(r.description for r in info.reason))


def _kind(reason: Any) -> str:
    values = reason.DESCRIPTOR.fields_by_name["type"].enum_type.values_by_number
    return values[reason.type].name if reason.type in values else f"TYPE_{reason.type}"
