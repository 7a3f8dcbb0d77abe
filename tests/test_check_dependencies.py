"""`make audit` checks that locks are pinned, and reports known vulnerabilities."""

import sys
from pathlib import Path

import pytest

from tests.check_dependencies import VULNERABLE, main, open_lines, releases

DIGEST = f"    --hash=sha256:{'0' * 64}\n"
LOCK = f"# a remark\nmill[all]==1.5 ; python_version < '3.11' \\\n{DIGEST}    # via x\n"
# A fake pip-audit that answers from a table of vulnerabilities.
PIP_AUDIT = """#!{python}
import json, sys
from pathlib import Path
vulnerable = {vulnerable!r}
if vulnerable is None:
    sys.exit("no network")
wanted = Path(sys.argv[sys.argv.index("--requirement") + 1]).read_text().split()
answers = []
for release in wanted:
    name, version = release.split("==")
    vulns = [dict(id=name, fix_versions=["9.9"]) for name in vulnerable.get(release, ())]
    answers.append(dict(name=name, version=version, vulns=vulns))
print(json.dumps(dict(dependencies=answers)))
"""


def audit(tmp_path: Path, vulnerable: dict[str, list[str]] | None, *locks: str) -> int:
    program = tmp_path / "pip-audit"
    program.write_text(
        PIP_AUDIT.format(python=sys.executable, vulnerable=vulnerable), encoding="utf-8"
    )
    program.chmod(0o755)
    paths = []
    for number, content in enumerate(locks):
        paths.append(tmp_path / f"lock-{number}.txt")
        paths[-1].write_text(content, encoding="utf-8")
    return main(str(program), paths)


def test_a_known_vulnerability_is_reported_once_and_exits_with_1(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    vulnerable = {VULNERABLE: ["CVE-1"], "mill==1.5": ["CVE-2"]}
    assert audit(tmp_path, vulnerable, LOCK, LOCK) == 1
    printed = capsys.readouterr().out
    assert printed.count("lock-0.txt: mill 1.5: CVE-2 (fixed in 9.9)") == 1
    assert "1 releases queried at pypi.org: 1 known vulnerabilities." in printed


def test_nothing_known_of_ours_exits_with_0(tmp_path: Path) -> None:
    assert audit(tmp_path, {VULNERABLE: ["CVE-1"]}, LOCK) == 0


@pytest.mark.parametrize("vulnerable", [None, {}], ids=["no network", "an empty mirror"])
def test_a_source_that_reports_nothing_is_not_used(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], vulnerable: dict[str, list[str]] | None
) -> None:
    assert audit(tmp_path, vulnerable, LOCK) == 0
    printed = capsys.readouterr().out
    assert "NOT LOOKED UP" in printed
    assert "1 locks: every package has one version and digests." in printed


@pytest.mark.parametrize(
    "line",
    [
        "mill>=1.5 \\\n" + DIGEST,
        "mill==1.5\n",
        "mill @ https://example.com/mill.whl \\\n" + DIGEST,
        "--index-url https://example.com/simple\n",
        "mill==1.5 \\\n    --hash=md5:0\n",
    ],
)
def test_an_open_lock_exits_with_1_also_without_data(tmp_path: Path, line: str) -> None:
    assert audit(tmp_path, None, LOCK, LOCK + line) == 1


def test_the_locks_that_are_there_are_closed() -> None:
    files = Path(__file__).parents[1].glob("requirements/**/*.txt")
    locks = sorted(path for path in files if path.name != "image-excludes.txt")
    assert len(locks) > 8, "those of both lines, of the images and of the tools"
    for lock in locks:
        assert open_lines(lock) == []
        assert releases(lock)
