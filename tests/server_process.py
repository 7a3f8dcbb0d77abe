"""Loaded by the server process of tests/forked_runs.py: it ends when its caller does."""

from tests.programs import end_with_parent

end_with_parent()
