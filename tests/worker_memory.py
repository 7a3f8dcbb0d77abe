"""Replace a test worker that has grown, so that two of them fit into a small machine.

TensorFlow keeps the memory of every compiled function until its process ends. So a worker over the
limit finishes its file and ends, and a new one takes over the files that are left.
"""

import pytest
from xdist.dsession import DSession
from xdist.remote import Producer
from xdist.scheduler import LoadFileScheduling
from xdist.workermanage import WorkerController

from tests.peak_memory import proportional_bytes

MAX_WORKER_BYTES = 1_100_000_000


class ReplaceGrownWorkers(LoadFileScheduling):
    """Give workers whole files, like --dist loadfile, and replace those that have grown."""

    def __init__(self, config: pytest.Config, log: Producer) -> None:
        super().__init__(config, log)
        self.replaced: set[WorkerController] = set()

    def _reschedule(self, node: WorkerController) -> None:
        """Give a worker another file, or let it end, when one test of its file is left."""
        if node not in self.registered_collections:  # a new worker that still collects
            return
        if self.workqueue and not node.shutting_down:
            if self._pending_of(self.assigned_work[node]) > 1:
                return
            if _has_grown(node):
                self.replaced.add(node)
                node.shutdown()
        super()._reschedule(node)


def _has_grown(node: WorkerController) -> bool:
    return proportional_bytes(node.gateway._rinfo().pid) > MAX_WORKER_BYTES


@pytest.hookimpl(optionalhook=True)  # `make mutants` runs without xdist
def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> ReplaceGrownWorkers | None:
    """Schedule --dist loadfile."""
    return ReplaceGrownWorkers(config, log) if config.getvalue("dist") == "loadfile" else None


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: WorkerController) -> None:
    """End the process of a worker that has grown, and start another."""
    session: DSession = node.config.pluginmanager.getplugin("dsession")
    if isinstance(session.sched, ReplaceGrownWorkers) and node in session.sched.replaced:
        node.gateway.exit()
        session._clone_node(node)
