"""Mutate modules one at a time and count what their tests notice: `python -m tests.mutants.run`.

mutmut changes one expression of a function at a time, in a copy of the repository, and runs the
tests that reach the function. A mutant that no test fails on has survived. Without arguments, all
modules of modules.yaml are mutated; the counts are written to scores.yaml.
"""

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path
from typing import Any

import yaml

HERE = Path(__file__).parent
TOP = HERE.parents[1]
TREE = TOP / "work/mutants"
TOOL = TOP / ".mutmut"  # mutmut beside .venv's packages; see the Makefile
MODULES, SCORES = HERE / "modules.yaml", HERE / "scores.yaml"
SECTION = """
[tool.mutmut]
source_paths = ["core", "trainer", "components", "pipelines"]
pytest_add_cli_args = ["-p", "no:cacheprovider", "-p", "no:xdist", "--timeout=600"]
track_dependencies = false
use_git_change_detection = false
only_mutate = {modules}
pytest_add_cli_args_test_selection = {tests}
"""


def mutate(module: str, tests: list[str]) -> dict[str, Any]:
    """Return the counts of a module's mutants, and how many survived in each function."""
    copy_repository()
    with (TREE / "pyproject.toml").open("a", encoding="utf-8") as stream:
        stream.write(SECTION.format(modules=json.dumps([module]), tests=json.dumps(tests)))
    mutmut("run", "--max-children", "1")
    mutmut("export-cicd-stats")
    counts = json.loads((TREE / "mutants/mutmut-cicd-stats.json").read_text(encoding="utf-8"))
    lines = [line.strip() for line in mutmut("results").splitlines() if ": " in line]
    names = [line.partition(": ")[0] for line in lines if line.endswith(("survived", "no tests"))]
    return {
        "mutants": counts["total"],
        "killed": counts["killed"] + counts["timeout"] + counts["segfault"],
        "survived": counts["survived"] + counts["suspicious"],
        "untested": counts["no_tests"] + counts["skipped"],
        "survivors": dict(sorted(Counter(function_of(name) for name in names).items())),
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
    """Mutate the chosen modules, or all of them, and keep the scores; return the exit code."""
    modules = yaml.safe_load(MODULES.read_text(encoding="utf-8"))
    scores = yaml.safe_load(SCORES.read_text(encoding="utf-8")) if SCORES.exists() else {}
    failed: list[str] = []
    for module in chosen or modules:
        try:
            scores[module] = mutate(module, modules[module]["tests"])
        except subprocess.CalledProcessError as error:
            failed.append(module)
            print(f"{module}: mutmut failed\n{error.output[-3000:]}", flush=True)
            continue
        total, killed = scores[module]["mutants"], scores[module]["killed"]
        print(f"{module}: {killed} of {total} killed", flush=True)
        kept = {name: scores[name] for name in modules if name in scores}
        SCORES.write_text(yaml.safe_dump(kept, sort_keys=False), encoding="utf-8")
    return int(bool(failed))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
