"""Looks up known holes of what is locked: `python -m tests.check_dependencies PIP_AUDIT LOCK…`.

First it checks what needs no network: that each lock names every package with one version and with
digests, and no index or address. Then it asks for a release that is known to have holes; a source
that knows none of it, as many a mirror of PyPI, would find none in ours either, and is not used.

Exit codes: 1 if a lock is open, a package has a known hole, or answers are missing; else 0. It is 0
as well where no source of data can be reached: then only the locks are checked, and the last line
says so.
"""

import json
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

PINNED = re.compile(r"^[A-Za-z0-9._-]+(\[[A-Za-z0-9._,-]+\])?==[^\s;\\]+( ; [^\\]+)? \\$")
DIGEST = re.compile(r"^    --hash=sha256:[0-9a-f]{64}( \\)?$")
RELEASE = re.compile(r"^([A-Za-z0-9._-]+)(?:\[[^\]]*\])?==([^\s;\\]+)")
SOURCES = {"pypi": "pypi.org", "osv": "api.osv.dev"}  # pip-audit's names of them
HOLED = "jinja2==2.10"  # CVE-2019-10906, CVE-2020-28493 and later ones
LONGEST_SECONDS = 600


def main(pip_audit: str, locks: list[Path]) -> int:
    """Prints what is wrong, and what was looked at; returns the exit code."""
    wrong = [f"{lock}: {line}" for lock in locks for line in open_lines(lock)]
    for line in wrong:
        print(f"not pinned with digests: {line}")
    if not wrong:
        print(f"{len(locks)} locks: every package has one version and digests.")
    source = find_source(pip_audit)
    if source is None:
        print(
            f"NOT LOOKED UP: no source of known holes can be reached from here "
            f"({', '.join(SOURCES.values())}): none names a hole of {HOLED}, which has some. Only "
            f"the locks were checked."
        )
        return 1 if wrong else 0
    return 1 if look_up(pip_audit, source, locks) or wrong else 0


def open_lines(lock: Path) -> list[str]:
    """The lines of a lock that are neither a pinned package nor a digest nor a remark.

    A package without a digest is one of them.
    """
    lines = lock.read_text(encoding="utf-8").splitlines()
    strange = []
    for line, following in zip(lines, [*lines[1:], ""], strict=True):
        if not line or line.lstrip().startswith("#"):
            continue
        if line.startswith(" "):
            is_closed = DIGEST.match(line) is not None
        else:
            is_closed = PINNED.match(line) is not None and DIGEST.match(following) is not None
        if not is_closed:
            strange.append(line)
    return strange


def find_source(pip_audit: str) -> str | None:
    """The first source that knows the holes of a release that has some; None if none does."""
    for source in SOURCES:
        answers = ask(pip_audit, source, [HOLED]) or []
        if any(package.get("vulns") for package in answers):
            return source
    return None


def look_up(pip_audit: str, source: str, locks: Iterable[Path]) -> bool:
    """Prints the known holes of all that is locked; returns whether something is not well."""
    asked: set[str] = set()
    holes, unknown, unanswered = 0, [], 0
    for lock in locks:
        fresh = [name for name in releases(lock) if name not in asked]
        asked.update(fresh)
        answers = ask(pip_audit, source, fresh) if fresh else []
        if answers is None:
            unanswered += len(fresh)
            continue
        unknown += [package["name"] for package in answers if "skip_reason" in package]
        for package in answers:
            for hole in package.get("vulns", ()):
                holes += 1
                mended = ", ".join(hole["fix_versions"]) or "no version"
                name = f"{package['name']} {package['version']}"
                print(f"{lock.name}: {name}: {hole['id']} (mended in {mended})")
    print(f"{len(asked)} releases asked of {SOURCES[source]}: {holes} known holes.")
    if unknown:
        print(f"It does not know {len(unknown)}: {', '.join(unknown)}.")
    if unanswered:
        print(f"It did not answer for {unanswered}. Run it again.")
    return bool(holes or unanswered)


def releases(lock: Path) -> list[str]:
    """What a lock names, as "name==version", without extras and markers."""
    found = map(RELEASE.match, lock.read_text(encoding="utf-8").splitlines())
    return [f"{match[1]}=={match[2]}" for match in found if match]


def ask(pip_audit: str, source: str, wanted: list[str]) -> list[dict[str, Any]] | None:
    """What a source knows of each release; None if it does not answer."""
    with tempfile.TemporaryDirectory() as folder:
        listed = Path(folder, "releases.txt")
        listed.write_text("\n".join(wanted) + "\n", encoding="utf-8")
        command = [pip_audit, "--vulnerability-service", source, "--progress-spinner", "off"]
        command += ["--no-deps", "--disable-pip", "--format", "json", "--requirement", str(listed)]
        try:
            answered = subprocess.run(
                command, capture_output=True, text=True, check=False, timeout=LONGEST_SECONDS
            )
            return list(json.loads(answered.stdout)["dependencies"])
        except (subprocess.TimeoutExpired, ValueError, KeyError):
            return None


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], [Path(name) for name in sys.argv[2:]]))
