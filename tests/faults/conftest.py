"""Provide one lane per test process: an undisturbed run, and stages to start from."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.faults.hostile import CANARY, SECRET_VARIABLES, write_hostile_text
from tests.faults.lane import TOP, Lane
from tests.faults.results import results

TEXT = TOP / "tests/data/language_reference.txt"
# Stages: copies of the workdir after a node, from which a test starts.
DOCUMENTS, INSTANCES, DONE = "stage-documents", "stage-instances", "stage-done"


DISTURBS = ("disturbs", "a run")
READ_ONLY = {"done", "pages"}  # fixtures of tests that only read what an undisturbed run wrote
_disturbed: set[str] = set()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark every test of this folder, and those that have runs of their own."""
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.fault)
            names = set(item.fixturenames)
            if "lane" in names and not names & READ_ONLY:
                item.user_properties.append(DISTURBS)


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """Count the tests that disturbed a run; workers report to the process that prints."""
    if report.when == "call" and DISTURBS in map(tuple, report.user_properties):
        _disturbed.add(report.nodeid)


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Print how many there were."""
    if _disturbed:
        terminalreporter.write_line(f"{len(_disturbed)} tests disturbed a run.")


@pytest.fixture(scope="session")
def lane(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lane]:
    """Make a lane with every stage."""
    for name in SECRET_VARIABLES:
        os.environ[name] = CANARY
    lane = Lane(tmp_path_factory.mktemp("lane"))
    write_text(lane.text)
    for until, stage in (("VocabularyGen", DOCUMENTS), ("InstanceValidator", INSTANCES)):
        assert lane.run("--to-node", until).code == 0
        lane.keep(stage)
    lane.restore(None)
    yield lane
    shutil.rmtree(lane.root)


@pytest.fixture(scope="session")
def undisturbed(lane: Lane) -> dict[str, str]:
    """Return the results of an undisturbed run."""
    lane.restore(None)
    ended = lane.run()
    assert ended.code == 0, ended.output
    lane.keep(DONE)
    return results(lane.workdir)


def write_text(folder: Path) -> None:
    """Write real text to two files, and hostile text to a third one."""
    folder.mkdir()
    text = TEXT.read_text(encoding="utf-8")
    middle = text.index("\n\n", len(text) // 2)
    (folder / "a.txt").write_text(text[:middle], encoding="utf-8")
    (folder / "b.txt").write_text(text[middle:].lstrip("\n"), encoding="utf-8")
    write_hostile_text(folder)
