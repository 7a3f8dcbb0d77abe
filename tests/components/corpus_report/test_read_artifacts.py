"""Artifacts are read in bounded amounts, checked, and never unpickled."""

import io
import shutil
from dataclasses import astuple
from pathlib import Path

import numpy as np
import pytest

from components.corpus_report.read_artifacts import (
    read_report_data,
    read_token_counts,
    sample_records,
)
from components.settings import ReportSettings
from core.errors import InputError
from core.manifest import read_manifest
from tests.components.corpus_report.folders import Folders, topic_documents


def test_the_sample_is_the_first_records_and_no_more(folders: Folders) -> None:
    manifest = read_manifest(folders.documents)
    records = list(sample_records(folders.documents, manifest, 5))
    expected = [[source.encode()] for source, _ in topic_documents(5)]
    assert [record["source"] for record in records] == expected


def test_sentences_per_document_are_counted_from_the_records(folders: Folders) -> None:
    data = read_report_data(
        folders.documents, folders.vocabulary, folders.instances, ReportSettings()
    )
    counts = data.documents.counts["train"]
    lengths = data.sentences_per_document
    assert data.sampled_documents == sum(lengths) == counts["documents"]
    assert sum(n * count for n, count in enumerate(lengths)) == counts["sentences"]


def test_examples_are_read_only_if_text_may_be_shown(folders: Folders) -> None:
    def read(**settings: bool | int) -> int:
        chosen = ReportSettings.model_validate(settings)
        return len(read_report_data(*astuple(folders), chosen).examples)

    assert read() == 0
    assert read(show_text=True, examples=3) == 3


def test_instances_of_another_vocabulary_are_refused(folders: Folders, tmp_path: Path) -> None:
    other = tmp_path / "vocabulary"
    shutil.copytree(folders.vocabulary, other)
    with (other / "vocab.txt").open("a", encoding="utf-8") as stream:
        stream.write("one-more\n")
    with pytest.raises(InputError, match="with their own vocabulary"):
        read_report_data(folders.documents, str(other), folders.instances, ReportSettings())


def test_a_pickled_array_is_not_loaded(tmp_path: Path) -> None:
    stream = io.BytesIO()
    np.save(stream, np.array([{"a": 1}], dtype=object), allow_pickle=True)
    (tmp_path / "token_counts.npy").write_bytes(stream.getvalue())
    with pytest.raises(ValueError, match="allow_pickle"):
        read_token_counts(str(tmp_path))


def test_a_folder_without_a_manifest_is_refused(folders: Folders, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"no manifest\.json"):
        read_report_data(str(tmp_path), folders.vocabulary, folders.instances, ReportSettings())
