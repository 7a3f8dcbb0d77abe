"""The counts beside the shards do not depend on who adds them up."""

from pathlib import Path

import pytest

from components.instance_gen.writing import publish
from components.statistics_gen.value_counts import VALUE_COUNTS
from core.file_names import TOKEN_COUNTS
from tests.components.instance_export.folders import write_instances


def test_workers_add_up_the_counts_of_many_shards(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "once").mkdir()
    once = write_instances(tmp_path / "once", "static", "next_sentence")
    monkeypatch.setattr(publish, "ADDED_AT_ONCE", 1)
    (tmp_path / "groups").mkdir()
    groups = write_instances(tmp_path / "groups", "static", "next_sentence")
    for name in (TOKEN_COUNTS, VALUE_COUNTS):
        assert (once / name).read_bytes() == (groups / name).read_bytes()
