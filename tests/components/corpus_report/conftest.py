"""Write the three folders once for all tests of the report."""

import pytest

from tests.components.corpus_report.folders import Folders, write_folders


@pytest.fixture(scope="session")
def folders(tmp_path_factory: pytest.TempPathFactory) -> Folders:
    return write_folders(tmp_path_factory.mktemp("static"))


@pytest.fixture(scope="session")
def dynamic_folders(tmp_path_factory: pytest.TempPathFactory) -> Folders:
    return write_folders(tmp_path_factory.mktemp("dynamic"), form="dynamic")
