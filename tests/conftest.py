"""Silence libraries, fix the signal handlers, and set up Hypothesis and the temporary folder."""

import multiprocessing.util
import os
import shutil
import signal
import tempfile

import pytest
from hypothesis import settings

from pipelines.quiet import hush
from tests.forked_files import ForkedFiles
from tests.leftovers import CHECKOUT, LeftoverCheck
from tests.skips import SkipCounter

hush(verbose=False)

# A shell that starts the tests in the background ignores Ctrl-C, and so would every command that a
# test interrupts.
if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

# In CI, Hypothesis tries the same cases every time, so that only a change can make a test fail.
settings.register_profile("ci", derandomize=True, database=None, deadline=None)
settings.register_profile("explore", deadline=None, print_blob=True)
settings.load_profile("ci" if os.environ.get("CI") else "explore")

# A killed process leaves TensorFlow's generated files behind. All processes of a test session write
# them to one folder, which the session removes. Folders of `tmp_path` stay where pytest keeps them.
_OURS = "TEXTMILL_TEST_TEMP"
if _OURS not in os.environ:
    os.environ.setdefault("PYTEST_DEBUG_TEMPROOT", tempfile.gettempdir())
    os.environ["TMPDIR"] = os.environ[_OURS] = tempfile.mkdtemp(prefix="textmill-tests-")
    os.chmod(os.environ[_OURS], 0o755)  # noqa: PTH101, S103 - tests run as other users, too
    tempfile.tempdir = None  # read TMPDIR again
    # After multiprocessing has removed its own folder in there (priority -100), and not in forks.
    multiprocessing.util.Finalize(
        None, shutil.rmtree, (os.environ[_OURS],), {"ignore_errors": True}, exitpriority=-101
    )


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the option that runs files side by side."""
    parser.addoption("--forks", type=int, help="run each file in a fork, so many at once")


def pytest_configure(config: pytest.Config) -> None:
    """Count skips, run files in forks, and look for leftovers in CI, where no one edits files.

    xdist's workers report to the process that does it.
    """
    if hasattr(config, "workerinput"):
        return
    config.pluginmanager.register(SkipCounter())
    if config.option.forks:
        config.pluginmanager.register(ForkedFiles(config, config.option.forks))
    if "CI" in os.environ and (CHECKOUT / ".git").exists():  # tests of mutants run in a copy
        config.pluginmanager.register(LeftoverCheck())
