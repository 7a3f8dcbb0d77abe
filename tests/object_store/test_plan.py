"""`textmill plan` and the newest span, with text and artifacts on an object store."""

import json
from pathlib import Path
from typing import Any

import pytest

from core.exit import INPUT_ERROR, SUCCEEDED
from core.gcs.requests import TIMEOUT_VARIABLE
from tests.forked_runs import Running, Start
from tests.object_store.proxy import Faults
from tests.object_store.server import BUCKET, ObjectStore
from tests.pipelines.spec_runner.conftest import REAL_TEXT, TINY

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1200)]

WEEKS = f"gs://{BUCKET}/news/week-{{SPAN}}/*.txt"
DATA = ("TextExampleGen", "VocabularyGen", "InstanceGen")


def textmill(
    store: ObjectStore,
    command: str,
    workdir: Path,
    *more: str,
    code: int = SUCCEEDED,
    **environment: str,
) -> str:
    """Call `textmill run` or `plan` up to InstanceGen; return what it prints."""
    root = ("--root", f"gs://{BUCKET}/{workdir.name}", "--workdir", str(workdir))
    words = (command, str(TINY), "--text", WEEKS, *root, "--to-node", "InstanceGen")
    ended = Running(Start((*words, *more), environment={**store.environment, **environment})).wait()
    assert ended.code == code, ended.output
    return ended.output


def plan(store: ObjectStore, workdir: Path, *more: str) -> dict[str, dict[str, Any]]:
    """Return the planned nodes by name; a plan writes nothing."""
    store.clear_log()
    output = textmill(store, "plan", workdir, "--json", *more)
    nodes = json.JSONDecoder().raw_decode(output, output.index("{"))[0]["nodes"]
    written = [r for r in store.requests if r.kind in ("upload", "copy", "delete")]
    assert written == []
    return {node["node"]: node for node in nodes}


def put_week(store: ObjectStore, number: int) -> None:
    """Add the text of a week."""
    lines = REAL_TEXT.read_text(encoding="utf-8").splitlines(keepends=True)
    content = "".join(lines[number * 10 :]).encode()
    store.put(f"news/week-{number}/a.txt", content)


def span_of(store: ObjectStore, workdir: Path) -> int:
    """Return the span that the newest documents are of."""
    start = f"{workdir.name}/artifacts/tiny/TextExampleGen/examples/"
    manifests = {n: c for n, c in store.objects(start).items() if n.endswith("/manifest.json")}
    newest = max(manifests, key=lambda name: int(name.removeprefix(start).split("/")[0]))
    span: int = json.loads(manifests[newest])["facts"]["span"]
    return span


def test_a_plan_on_a_store_says_what_the_next_run_does(store: ObjectStore, tmp_path: Path) -> None:
    workdir = tmp_path / "weeks"
    put_week(store, 1)
    put_week(store, 3)
    first = plan(store, workdir)
    assert {first[node]["state"] for node in DATA} == {"runs"}
    textmill(store, "run", workdir)
    assert span_of(store, workdir) == 3
    assert {plan(store, workdir)[node]["state"] for node in DATA} == {"cached"}

    put_week(store, 10)  # later than 3 as a number, not as a name
    assert {plan(store, workdir)[node]["state"] for node in DATA} == {"runs"}
    textmill(store, "run", workdir)
    assert span_of(store, workdir) == 10
    earlier = plan(store, workdir, "--span", "1")
    assert {earlier[node]["state"] for node in DATA} == {"runs"}
    missing = textmill(store, "plan", workdir, "--span", "7", code=INPUT_ERROR)
    assert "No span 7 matches" in missing

    for name in store.objects(f"{workdir.name}/artifacts/tiny/VocabularyGen/vocabulary/"):
        store.put(name, b"damaged")
    damaged = plan(store, workdir)
    assert damaged["TextExampleGen"]["state"] == "cached"
    assert damaged["VocabularyGen"]["state"] == "runs"

    store.inject(Faults(rate=1, kinds=("503",)))
    down = textmill(store, "plan", workdir, code=1, **{TIMEOUT_VARIABLE: "3"})
    assert "attempts within 3 seconds. Run again when the store answers" in down
