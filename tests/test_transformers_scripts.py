"""A script in the environment of `transformers` behaves the same, with --forks and without."""

from pathlib import Path

import pytest

from tests.transformers_scripts import run_script

pytestmark = pytest.mark.transformers

SCRIPT = """
import os, sys
import other

if __name__ == "__main__":
    print(os.environ["HF_HUB_OFFLINE"], os.getcwd(), *sys.argv[1:], other.NAME)
    if sys.argv[2:]:
        sys.exit(f"I refuse {sys.argv[2]}.")
"""


@pytest.fixture
def script(tmp_path: Path) -> Path:
    (tmp_path / "scripts").mkdir()
    (tmp_path / "scripts" / "other.py").write_text("NAME = 'beside it'\n")
    path = tmp_path / "scripts" / "script.py"
    path.write_text(SCRIPT)
    return path


def test_it_gets_its_arguments_in_its_folder_and_imports_what_is_beside_it(
    script: Path, tmp_path: Path
) -> None:
    assert run_script(script, "ä b", folder=tmp_path) == f"1 {tmp_path} ä b beside it\n"


def test_its_failure_is_that_of_the_test(script: Path, tmp_path: Path) -> None:
    with pytest.raises(AssertionError, match=r"I refuse two\."):
        run_script(script, "one", "two", folder=tmp_path)
    script.write_text("1 / 0\n")
    with pytest.raises(AssertionError, match="ZeroDivisionError"):
        run_script(script, folder=tmp_path)
