"""Findings: each fault is named, and a sound corpus has none of them."""

from dataclasses import replace
from typing import Any

import pytest

from components.corpus_report.findings import find_all
from components.corpus_report.read_artifacts import Corpus, read_corpus
from components.settings import ReportSettings
from tests.components.corpus_report.folders import Folders


@pytest.fixture(scope="module")
def corpus(folders: Folders) -> Corpus:
    return read_corpus(folders.documents, folders.vocabulary, folders.instances, ReportSettings())


def with_counts(corpus: Corpus, part: str, split: str, **changes: int) -> Corpus:
    manifest = getattr(corpus, part)
    counts = {**manifest.counts, split: {**manifest.counts[split], **changes}}
    changed: Any = {part: manifest.model_copy(update={"counts": counts})}
    return replace(corpus, **changed)


def said(corpus: Corpus, level: str = "look") -> str:
    return " ".join(finding.text for finding in find_all(corpus) if finding.level == level)


def test_real_text_gives_nothing_to_look_at(corpus: Corpus) -> None:
    assert said(corpus) == ""


@pytest.mark.parametrize(
    ("part", "split", "changes", "sentence"),
    [
        ("instances", "train", {"unknown_tokens": 9000}, "are [UNK]"),
        ("instances", "train", {"instances": 5000}, "are padding"),
        ("instances", "train", {"masked_tokens": 100}, "the settings say 15.0 %"),
        ("instances", "train", {"random_next": 9}, "half of them should be"),
        ("documents", "all", {"duplicate_documents": 20}, "20 documents repeat an earlier one"),
    ],
)
def test_a_fault_is_named(
    corpus: Corpus, part: str, split: str, changes: dict[str, int], sentence: str
) -> None:
    assert sentence in said(with_counts(corpus, part, split, **changes))


def test_skips_are_told_by_name(corpus: Corpus) -> None:
    changed = with_counts(corpus, "documents", "all", bad_encoding=7)
    assert "Skipped: 7 lines that are not UTF-8, dropped." in said(changed, "note")


def test_much_truncation_is_told(corpus: Corpus) -> None:
    real = corpus.instances.counts["train"]["real_tokens"]
    changed = with_counts(corpus, "instances", "train", truncated_tokens=real // 4)
    assert "20.0 % of the tokens were cut" in said(changed, "note")


def test_wrong_mask_shares_are_named(corpus: Corpus) -> None:
    real = corpus.instances.counts["train"]["real_tokens"]
    changed = with_counts(
        corpus, "instances", "train",
        real_tokens=real * 10, instances=10_000, masked_tokens=int(real * 1.5),
        mask_replaced=int(real * 0.9), random_replaced=int(real * 0.15),
    )  # fmt: skip
    assert "masking.mask_share is 80.0 %; it came out 60.0 %." in said(changed)
