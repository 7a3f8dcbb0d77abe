"""Run each file of tests in a process of its own, forked from the one that collected them.

TensorFlow keeps memory of every function that was compiled until the process ends: the tests of
the trainer left 4 GB in two workers. A conftest.py that imports `pytest_runtest_protocol` from here
has the files of its folder run so. Nothing may have started TensorFlow's threads before the fork,
so other tests run in another session (make test).
"""

import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import pytest
from _pytest.runner import runtestprotocol


@dataclass
class _Child:
    """The process of one file."""

    path: Path
    pid: int
    output: IO[str]


_CHILD = pytest.StashKey[_Child]()


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_protocol(item: pytest.Item) -> bool:
    """Report an item as the process of its file ran it; start that process with the first item."""
    child = item.session.stash.get(_CHILD, None)
    if child is None or child.path != item.path:
        child = item.session.stash[_CHILD] = _start(item)
    hook = item.ihook
    hook.pytest_runtest_logstart(nodeid=item.nodeid, location=item.location)
    for report in _reports(item, child):
        hook.pytest_runtest_logreport(report=report)
    hook.pytest_runtest_logfinish(nodeid=item.nodeid, location=item.location)
    return True


def _start(first: pytest.Item) -> _Child:
    """Fork a process that runs all items of a file, and writes a line of reports for each."""
    items = [item for item in first.session.items if item.path == first.path]
    items = items[items.index(first) :]
    first.session.config._tmp_path_factory.getbasetemp()  # type: ignore[attr-defined]  # one for all
    reading, writing = os.pipe()
    if pid := os.fork():
        os.close(writing)
        return _Child(first.path, pid, os.fdopen(reading, encoding="utf-8"))
    os.close(reading)
    with os.fdopen(writing, "w", encoding="utf-8") as output:
        for item, following in zip(items, [*items[1:], None], strict=True):
            reports = runtestprotocol(item, nextitem=following, log=False)
            serialize = item.config.hook.pytest_report_to_serializable
            content = [serialize(config=item.config, report=report) for report in reports]
            print(json.dumps(content), file=output, flush=True)
    os._exit(0)


def _reports(item: pytest.Item, child: _Child) -> Iterator[pytest.TestReport]:
    """Read the reports of an item; if the process died, the item failed."""
    line = child.output.readline()
    if not line.endswith("\n"):
        _, status = os.waitpid(child.pid, 0)
        del item.session.stash[_CHILD]  # the next item starts another process
        how = f"The process of {item.path.name} ended with {os.waitstatus_to_exitcode(status)}."
        yield pytest.TestReport(item.nodeid, item.location, {}, "failed", how, "call")
        return
    for content in json.loads(line):
        if isinstance(content["longrepr"], list):  # JSON has no tuples
            content["longrepr"] = tuple(content["longrepr"])
        parse = item.config.hook.pytest_report_from_serializable
        yield parse(config=item.config, data=content)
    if item is [i for i in item.session.items if i.path == item.path][-1]:
        os.waitpid(child.pid, 0)
