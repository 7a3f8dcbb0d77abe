"""Mutate modules one at a time and count what their tests notice: `python -m tests.mutants.run`.

mutmut changes one expression of a function at a time, in a copy of the repository, and runs the
tests that reach the function. A mutant that no test fails on has survived; its change is printed.
Without arguments, all modules of modules.yaml are mutated; the counts are written to scores.yaml.
"""

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import yaml

HERE = Path(__file__).parent
TOP = HERE.parents[1]
TREE = TOP / "work/mutants"
TOOL = TOP / ".mutmut"  # mutmut beside .venv's packages; see the Makefile
MODULES, SCORES = HERE / "modules.yaml", HERE / "scores.yaml"
UNTRIED = "not checked"
KINDS = {
    **dict.fromkeys(("killed", "timeout", "segfault"), "killed"),
    **dict.fromkeys(("no tests", "skipped"), "untested"),
}
# A process that has imported the tests, but ran none, is forked for each mutant: TensorFlow hangs
# in a fork of a process that has used it. Durations leave out fixtures, hence the constant: a
# mutant has hung after 100 seconds and five times the time of its tests.
SECTION = """
[tool.mutmut]
process_isolation = "forkserver"
timeout_constant = 20.0
timeout_multiplier = 5.0
source_paths = ["core", "trainer", "components", "pipelines"]
pytest_add_cli_args = ["-p", "no:cacheprovider", "-p", "no:xdist", "--timeout=600"]
track_dependencies = false
use_git_change_detection = false
only_mutate = {modules}
pytest_add_cli_args_test_selection = {tests}
"""


def mutate(modules: list[str], tests: list[str], sample: list[str]) -> dict[str, dict[str, Any]]:
    """Return the counts of each module's mutants; all modules have the same tests.

    A module of which the sample has no mutant is left out.
    """
    print("mutating", *modules, flush=True)
    copy_repository()
    with (TREE / "pyproject.toml").open("a", encoding="utf-8") as stream:
        stream.write(SECTION.format(modules=json.dumps(modules), tests=json.dumps(tests)))
    mutmut("run", "--max-children", str(os.cpu_count()), *sample)
    lines = (
        line.strip().partition(": ") for line in mutmut("results", "--all", "true").split("\n")
    )
    statuses = {name: status for name, _, status in lines if status}
    how = {
        "date": datetime.now(UTC).date().isoformat(),
        "sample": f"`{' '.join(sample)}`" if sample else "all",
    }
    counts = {module: count(module, statuses) for module in modules}
    return {module: {**how, **own} for module, own in counts.items() if own["mutants"]}


def count(module: str, statuses: dict[str, str]) -> dict[str, Any]:
    """Count a module's mutants, and how many survived in each function; print their changes."""
    start = module.removesuffix(".py").replace("/", ".") + ".x"
    own = {name: status for name, status in statuses.items() if name.startswith(start)}
    kinds = {n: KINDS.get(status, "survived") for n, status in own.items() if status != UNTRIED}
    counts = Counter(kinds.values())
    left = [name for name, kind in kinds.items() if kind != "killed"]
    changes = (mutmut("show", name) for name in left)
    print(f"{module}: {counts['killed']} of {len(kinds)} killed", *changes, sep="\n", flush=True)
    return {
        "mutants": len(kinds),
        "of": len(own),
        **{kind: counts[kind] for kind in ("killed", "survived", "untested")},
        "survivors": dict(sorted(Counter(map(function_of, left)).items())),
    }


def function_of(name: str) -> str:
    """Return `read_cron` for `….x_read_cron__mutmut_3`, and `Cron.next` for a method."""
    mangled = name.rpartition("__mutmut_")[0].rpartition(".")[2]
    return mangled.removeprefix("x").removeprefix("ǁ").replace("ǁ", ".").removeprefix("_")


def copy_repository() -> None:
    """Copy what git knows, so that neither mutants nor mutmut's files touch the work tree."""
    shutil.rmtree(TREE, ignore_errors=True)
    listed = ["git", "ls-files", "--cached", "--others", "--exclude-standard"]
    for name in subprocess.check_output(listed, cwd=TOP, text=True).splitlines():
        if (TOP / name).is_file():
            (TREE / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(TOP / name, TREE / name)


def mutmut(*words: str) -> str:
    """Run a command of mutmut in the copy; return its output, or raise with it."""
    with tempfile.TemporaryDirectory() as temporary:
        environment = {
            **os.environ,
            "CI": "1",  # hypothesis tries the same cases each time
            "PYTHONPATH": str(TOOL),
            # mutmut runs pytest several times in one process; tests/conftest.py then keeps this.
            "TEXTMILL_TEST_TEMP": temporary,
            "TMPDIR": temporary,
        }
        command = [sys.executable, "-m", "mutmut", *words]
        done = subprocess.run(
            command, cwd=TREE, env=environment, capture_output=True, text=True, check=False
        )
    if done.returncode != 0:
        raise subprocess.CalledProcessError(done.returncode, words, done.stdout + done.stderr)
    return done.stdout


def main(chosen: list[str]) -> int:
    """Mutate the chosen modules, or all of them, and keep the scores; return the exit code.

    The environment variable SAMPLE chooses mutants by name: `*[147]` those with such a last digit.
    """
    sample = os.environ.get("SAMPLE", "").split()
    modules = yaml.safe_load(MODULES.read_text(encoding="utf-8"))
    by_tests: dict[str, list[str]] = {}
    for module in chosen or modules:
        by_tests.setdefault(json.dumps(modules[module]["tests"]), []).append(module)
    failed = False
    for tests, own in by_tests.items():
        try:
            counts = mutate(own, json.loads(tests), sample)
        except subprocess.CalledProcessError as error:
            failed = True
            print(f"{own}: mutmut failed\n{error.output[-3000:]}", flush=True)
            continue
        scores = yaml.safe_load(SCORES.read_text(encoding="utf-8")) | counts
        kept = {name: scores[name] for name in modules if name in scores}
        SCORES.write_text(yaml.safe_dump(kept, sort_keys=False), encoding="utf-8")
    return int(failed)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
