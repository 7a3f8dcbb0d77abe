"""Print the tables of docs/guides/object-store.md: requests per node, and per number of text files.

python -m tests.object_store.count_requests
"""

import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from urllib.parse import unquote

from pipelines.local.demo_text import write_demo_text
from tests.object_store.proxy import Request
from tests.object_store.server import BUCKET, ObjectStore, object_store
from tests.object_store.test_demo import SETTINGS

KINDS = ("list", "stat", "read", "upload", "copy", "delete")
FILES = (100, 1000, 3000)
DEMO = [part for setting in SETTINGS for part in ("--set", setting)]


def main() -> None:
    """Run the demo, and read texts of several numbers of files."""
    with tempfile.TemporaryDirectory() as name, object_store(Path(name)) as store:
        text = Path(name, "corpus")
        write_demo_text(text)
        for path in text.iterdir():
            store.put(f"corpus/{path.name}", path.read_bytes())
        nodes = run(store, Path(name, "demo"), "corpus", *DEMO)
        print_nodes(nodes)
        print_read_ratio(store, nodes)
        again = run(store, Path(name, "demo"), "corpus", *DEMO)
        print(f"\nall nodes cached: {sum(map(len, again.values()))} requests")
        for number in FILES:
            for index in range(number):
                line = f"A short sentence about the number {index}. Another one follows it.\n"
                store.put(f"files-{number}/{index:05d}.txt", line.encode())
            to_node = ("--to-node", "TextExampleGen")
            nodes = run(store, Path(name, f"files-{number}"), f"files-{number}", *to_node)
            requests = [request for each in nodes.values() for request in each]
            reads = [r for r in requests if r.kind == "read" and f"files-{number}%2F" in r.path]
            print(f"{number} text files: {len(requests) - len(reads)} requests, {len(reads)} reads")


def run(store: ObjectStore, workdir: Path, text: str, *more: str) -> dict[str, list[Request]]:
    """Run the demo with everything on the store; return the requests of each node."""
    store.clear_log()
    words = [
        *(sys.executable, "-m", "pipelines.cli", "run", "demo", "--text", f"gs://{BUCKET}/{text}"),
        *("--root", f"gs://{BUCKET}/{workdir.name}-root", "--workdir", str(workdir)),
    ]
    process = subprocess.Popen(
        [*words, *more], env={**os.environ, **store.environment, "PYTHONUNBUFFERED": "1"},
        stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert process.stderr is not None
    nodes: dict[str, list[Request]] = {}
    node, seen = "before the first node", 0
    printed = []
    for line in process.stderr:
        printed.append(line)
        if started := re.match(r" *\d+ ([A-Z]\w+)", line):
            requests = store.requests
            nodes[node], seen = requests[seen:], len(requests)
            node = started[1]
    assert process.wait() == 0, "".join(printed)
    nodes[node] = store.requests[seen:]
    return nodes


def print_nodes(nodes: dict[str, list[Request]]) -> None:
    """Print a table in Markdown."""
    print(f"| node | {' | '.join(KINDS)} | all | MB sent | MB received |")
    print("|---" * (len(KINDS) + 4) + "|")
    for node, requests in nodes.items():
        print(_row(node, requests))
    print(_row("all", [request for requests in nodes.values() for request in requests]))


def _row(name: str, requests: Sequence[Request]) -> str:
    counts = [str(sum(r.kind == kind for r in requests)) for kind in KINDS]
    sent, received = sum(r.sent_bytes for r in requests), sum(r.received_bytes for r in requests)
    figures = [str(len(requests)), f"{sent / 1e6:.1f}", f"{received / 1e6:.1f}"]
    return f"| {' | '.join([name, *counts, *figures])} |"


def print_read_ratio(store: ObjectStore, nodes: Mapping[str, Sequence[Request]]) -> None:
    """Print how many bytes were received for each byte of the objects that each node reads."""
    sizes = {name: len(content) for name, content in store.objects().items()}
    received = needed = 0
    for requests in nodes.values():
        for request in requests:  # the size of an object that is gone is about that of its upload
            if name := re.search(r"[?&]name=([^&]+)", request.path):
                sizes.setdefault(unquote(name[1]), request.sent_bytes)
        reads = [r for r in requests if r.kind == "read" and r.received_bytes]
        names = {unquote(r.path.partition("?")[0].rpartition("/o/")[2]) for r in reads}
        received += sum(request.received_bytes for request in reads)
        needed += sum(sizes[name] for name in names if name in sizes)
    print(f"\nbytes received / needed: {received:,} / {needed:,} = {received / needed:.2f}")


if __name__ == "__main__":
    main()
