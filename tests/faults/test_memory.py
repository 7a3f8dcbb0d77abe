"""Memory does not grow with the corpus, and a run that lacks memory does no harm."""

import re
import signal
import time
from pathlib import Path

import pytest

from core.exit import FAILED, SUCCEEDED
from tests.faults.conftest import INSTANCES, TEXT
from tests.faults.lane import FULL, RECIPE, Lane
from tests.faults.results import false_claims, results

# Twice the text that TextExampleGen sorts at once (components.text_example_gen.writing.runs).
SMALL_BYTES = 64 << 20
LARGE_BYTES = 256 << 20
LACKS_MEMORY = re.compile(
    r"Out of memory \(|pthread_create(\(\))? failed|std::bad_alloc|[Ff]ailed to allocate"
)
Results = dict[str, str]


def write_corpus(path: Path, size: int) -> Path:
    """Write copies of real text in which no two documents are equal."""
    documents = TEXT.read_text(encoding="utf-8").split("\n\n")
    copy = 0
    with path.open("w", encoding="utf-8") as stream:
        while stream.tell() < size:
            stream.writelines(f"Copy {copy} of it.\n{text}\n\n" for text in documents)
            copy += 1
    return path


def peak_bytes(lane: Lane, text: Path, workdir: Path) -> int:
    """Return the peak memory of a run that ends with TextExampleGen.

    The next node is TFDV's, whose memory is not ours.
    """
    # A shard is processed at once. With small shards, both corpora have many of them.
    words = ("--to-node", "TextExampleGen", "--set", "text.shard_bytes=1048576")
    running = lane.start(
        command=("run", RECIPE, "--text", str(text), "--workdir", str(workdir), *words)
    )
    status, peak = Path(f"/proc/{running.pid}/status"), 0
    while running.is_alive():
        lines = status.read_text().splitlines()
        peak = max(peak, *(int(s.split()[1]) << 10 for s in lines if s.startswith("VmHWM")), 0)
        time.sleep(0.02)
    assert running.wait().code == SUCCEEDED, running.output()
    return peak


@pytest.mark.skipif(not FULL, reason="make faults FULL=1: it takes minutes")
def test_memory_for_documents_does_not_grow_with_the_corpus(lane: Lane, tmp_path: Path) -> None:
    small, large = (
        peak_bytes(lane, write_corpus(tmp_path / f"{size}.txt", size), tmp_path / f"work-{size}")
        for size in (SMALL_BYTES, LARGE_BYTES)
    )
    # The text alone would take the whole difference, and several times that as Python objects.
    assert large - small < 0.2 * (LARGE_BYTES - SMALL_BYTES), (small, large)


# With 16 MB, not even the first thread of a server can be started.
@pytest.mark.parametrize("megabytes", [16, 96])
def test_a_run_without_enough_memory_ends_and_the_next_one_works(
    lane: Lane, undisturbed: Results, megabytes: int
) -> None:
    """TensorFlow aborts the process where a thread or a buffer cannot be had; Python raises."""
    lane.restore(INSTANCES)
    ended = lane.run(more_memory=megabytes << 20)
    assert ended.code in (FAILED, -signal.SIGABRT), ended.output
    assert LACKS_MEMORY.search(ended.output), ended.output
    assert (ended.code == FAILED) == ("error: Out of memory (" in ended.output)
    assert false_claims(lane.workdir) == []
    assert lane.run().code == SUCCEEDED
    assert results(lane.workdir) == undisturbed
