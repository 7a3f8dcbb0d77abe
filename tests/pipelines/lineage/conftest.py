"""Make one workdir with a history: a first run, a change, a repeat, different text, failures."""

from pathlib import Path
from typing import NamedTuple

import pytest

from pipelines.metadata.archive import Archive
from pipelines.metadata.graph import Graph
from pipelines.metadata.read_store import Store
from tests.pipelines.lineage.mill import Mill
from tests.pipelines.lineage.mill_folders import PROSE
from tests.shared_results import share

NEW_TEXT = (*PROSE[1:], ("A windmill faces the wind.", "Its cap turns."))


class History(NamedTuple):
    """The runs of the workdir, by their purpose."""

    workdir: Path
    first: str
    changed: str  # trainer.learning_rate 1e-4 → 5e-4
    repeated: str  # all cached
    new_text: str  # one document removed, one added; not blessed
    failed: str
    killed: str


@pytest.fixture(scope="session")
def history(tmp_path_factory: pytest.TempPathFactory) -> History:
    """Return the history. Tests that change it work on copies."""
    return share(tmp_path_factory, "history", make_history)


def make_history(folder: Path) -> History:
    """Make the history."""
    workdir = folder / "work"
    mill = Mill(workdir)
    return History(
        workdir=workdir,
        first=mill.run(),
        changed=mill.run(learning_rate=5e-4, loss=3.72),
        repeated=mill.run(learning_rate=5e-4, loss=3.72),
        new_text=mill.run(documents=NEW_TEXT, learning_rate=5e-4, loss=4.2, blessed=False),
        failed=mill.run(steps=200, fails_at="Trainer"),
        killed=mill.run(steps=300, killed_at="Trainer"),
    )


@pytest.fixture(scope="session")
def store(history: History) -> Store:
    """Return the store of the history."""
    return Store(history.workdir / "metadata.sqlite")


@pytest.fixture(scope="session")
def graph(store: Store) -> Graph:
    """Return the graph of the history."""
    return store.graph()


@pytest.fixture(scope="session")
def archive(history: History) -> Archive:
    """Return the archive of the history."""
    return Archive(history.workdir)
