"""Each problem of a corpus is a finding, and a good corpus has none."""

from dataclasses import replace
from typing import Any

import pytest

from components.corpus_report.findings import find_all
from components.corpus_report.read_artifacts import ReportData, read_report_data
from components.settings import ReportSettings
from tests.components.corpus_report.folders import Folders


@pytest.fixture(scope="module")
def data(folders: Folders) -> ReportData:
    return read_report_data(
        folders.documents, folders.vocabulary, folders.instances, ReportSettings()
    )


def with_counts(data: ReportData, part: str, split: str, **changes: int) -> ReportData:
    manifest = getattr(data, part)
    counts = {**manifest.counts, split: {**manifest.counts[split], **changes}}
    changed: Any = {part: manifest.model_copy(update={"counts": counts})}
    return replace(data, **changed)


def texts(data: ReportData, level: str = "warning") -> str:
    return " ".join(finding.text for finding in find_all(data) if finding.level == level)


def test_real_text_has_no_warnings(data: ReportData) -> None:
    assert texts(data) == ""


@pytest.mark.parametrize(
    ("part", "split", "changes", "sentence"),
    [
        ("instances", "train", {"unknown_tokens": 9000}, "are [UNK]"),
        ("instances", "train", {"instances": 5000}, "are padding"),
        ("instances", "train", {"masked_tokens": 100}, "masking.rate is 15.0 %"),
        ("instances", "train", {"random_next": 9}, "half of them should."),
        ("documents", "all", {"duplicate_documents": 20}, "20 documents repeat an earlier one"),
    ],
)
def test_a_problem_is_a_warning(
    data: ReportData, part: str, split: str, changes: dict[str, int], sentence: str
) -> None:
    assert sentence in texts(with_counts(data, part, split, **changes))


def test_skipped_lines_are_a_note(data: ReportData) -> None:
    changed = with_counts(data, "documents", "all", bad_encoding=7)
    assert "7 lines that are not UTF-8, dropped." in texts(changed, "note")


def test_much_truncation_is_a_note(data: ReportData) -> None:
    real = data.instances.counts["train"]["real_tokens"]
    changed = with_counts(data, "instances", "train", truncated_tokens=real // 4)
    assert "20.0 % of the tokens were cut" in texts(changed, "note")


def test_wrong_mask_shares_are_a_warning(data: ReportData) -> None:
    real = data.instances.counts["train"]["real_tokens"]
    changed = with_counts(
        data, "instances", "train",
        real_tokens=real * 10, instances=10_000, masked_tokens=int(real * 1.5),
        mask_replaced=int(real * 0.9), random_replaced=int(real * 0.15),
    )  # fmt: skip
    assert "masking.mask_share is 80.0 %, but the actual share is 60.0 %." in texts(changed)
