"""Anomalies to a verdict: which of them would spoil training, said with a remedy.

Works on TFDV's `Anomalies` messages and imports nothing of TFX.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

# What is known to be harmless; all else spoils, so that a kind that is new in TFDV stops a run
# rather than passes. Names of AnomalyInfo.Type (tensorflow_metadata, anomalies.proto).
TOLERATED = frozenset(
    {
        "ENUM_TYPE_UNEXPECTED_STRING_VALUES",  # a `source` that was not seen before
        "SCHEMA_NEW_COLUMN",  # readers ask for features by name, so one more does not matter
        "FEATURE_TYPE_HIGH_UNIQUE",
        "FEATURE_TYPE_LOW_UNIQUE",
        "COMPARATOR_CONTROL_DATA_MISSING",  # drift is to be looked at, and new text may drift
        "COMPARATOR_TREATMENT_DATA_MISSING",
        "COMPARATOR_L_INFTY_HIGH",
        "COMPARATOR_JENSEN_SHANNON_DIVERGENCE_HIGH",
        "COMPARATOR_NORMALIZED_ABSOLUTE_DIFFERENCE_HIGH",
        "COMPARATOR_LOW_NUM_EXAMPLES",
        "COMPARATOR_HIGH_NUM_EXAMPLES",
        "DATASET_HIGH_NUM_EXAMPLES",
    }
)
_REWRITE = "Delete the artifact and run again, so that the step writes it anew"
_REMEDIES = {
    "SCHEMA_MISSING_COLUMN": f"The records were written by other code. {_REWRITE}",
    "FEATURE_TYPE_NOT_PRESENT": f"The records were written by other code. {_REWRITE}",
    "FEATURE_TYPE_LOW_FRACTION_PRESENT": f"Some records lack it. {_REWRITE}",
    "FEATURE_TYPE_LOW_NUMBER_PRESENT": "Give more text, or lower the schema's min_count",
    "FEATURE_TYPE_LOW_NUMBER_VALUES": f"The lengths are not those of the settings. {_REWRITE}",
    "FEATURE_TYPE_HIGH_NUMBER_VALUES": f"The lengths are not those of the settings. {_REWRITE}",
    "INVALID_FEATURE_SHAPE": f"The lengths are not those of the settings. {_REWRITE}",
    "INT_TYPE_BIG_INT": "Make the instances with the vocabulary that the model uses",
    "INT_TYPE_SMALL_INT": "Make the instances with the vocabulary that the model uses",
    "UNEXPECTED_DATA_TYPE": f"The feature's type differs. {_REWRITE}",
    "ENUM_TYPE_INVALID_UTF8": "Save the text as UTF-8, or set text.on_bad_line: skip",
    "DATASET_LOW_NUM_EXAMPLES": "Give more text, or raise text.eval_fraction",
}


@dataclass(frozen=True)
class Anomaly:
    """One thing that a split's statistics have and the schema does not, or the reverse."""

    split: str
    feature: str  # its path; "the split" where no single feature is meant
    kinds: tuple[str, ...]  # names of AnomalyInfo.Type
    what: str  # TFDV's sentence

    @property
    def spoils(self) -> bool:
        """Whether training on the split would go wrong."""
        return not set(self.kinds) <= TOLERATED

    def __str__(self) -> str:
        kinds = [kind for kind in self.kinds if kind not in TOLERATED] or self.kinds
        remedy = next((_REMEDIES[k] for k in kinds if k in _REMEDIES), _REWRITE)
        what = self.what.rstrip(". ")
        return f"split {self.split}, {self.feature}: {what} ({', '.join(kinds)}). {remedy}."


def list_anomalies(anomalies: Mapping[str, Any]) -> list[Anomaly]:
    """All anomalies of all splits.

    Args:
        anomalies: split to TFDV's `Anomalies` message.
    """
    return [found for split in sorted(anomalies) for found in _of_split(split, anomalies[split])]


def explain(spoiling: list[Anomaly]) -> str:
    """The message that stops the run: every anomaly on a line of its own."""
    lines = "".join(f"\n  - {anomaly}" for anomaly in spoiling)
    return f"{len(spoiling)} anomalies in the examples would spoil training:{lines}"


def _of_split(split: str, anomalies: Any) -> Iterator[Anomaly]:
    """The split's anomalies, by feature.

    `anomaly_info` has one entry a feature; its kinds are those of `reason`, because with several
    reasons TFDV puts MULTIPLE_REASONS at the top.
    """
    for name in sorted(anomalies.anomaly_info):
        yield _read(split, f"feature {name}", anomalies.anomaly_info[name])
    if anomalies.HasField("dataset_anomaly_info"):
        yield _read(split, "the split", anomalies.dataset_anomaly_info)
    if anomalies.data_missing:
        yield Anomaly(split, "the split", ("DATASET_LOW_NUM_EXAMPLES",), "it holds no examples")


def _read(split: str, feature: str, info: Any) -> Anomaly:
    kinds = tuple(_kind(reason) for reason in info.reason) or ("UNKNOWN_TYPE",)
    return Anomaly(split, feature, kinds, " ".join(r.description for r in info.reason))


def _kind(reason: Any) -> str:
    values = reason.DESCRIPTOR.fields_by_name["type"].enum_type.values_by_number
    return values[reason.type].name if reason.type in values else f"TYPE_{reason.type}"
