"""Look up known vulnerabilities: `python -m tests.check_dependencies PIP_AUDIT LOCK…`.

First, without a network, check that each lock pins every package to one version with digests, and
names no index. Then query a release that is known to be vulnerable: a source that reports nothing
for it, such as many a mirror of PyPI, is not used.

Exit codes: 1 if a lock has an unpinned package, a package has a known vulnerability, or answers are
missing; otherwise 0. It is also 0 if no source can be reached: then only the locks are checked, and
the last line says so.
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
VULNERABLE = "jinja2==2.10"  # CVE-2019-10906, CVE-2020-28493 and later ones
LONGEST_SECONDS = 600


def main(pip_audit: str, locks: list[Path]) -> int:
    """Print the problems and a summary; return the exit code."""
    unpinned = [f"{lock}: {line}" for lock in locks for line in open_lines(lock)]
    for line in unpinned:
        print(f"not pinned with digests: {line}")
    if not unpinned:
        print(f"{len(locks)} locks: every package has one version and digests.")
    source = find_source(pip_audit)
    if source is None:
        print(
            f"NOT LOOKED UP: no source of known vulnerabilities can be reached from here "
            f"({', '.join(SOURCES.values())}): none reports {VULNERABLE}, which has some. Only "
            f"the locks were checked."
        )
        return 1 if unpinned else 0
    return 1 if look_up(pip_audit, source, locks) or unpinned else 0


def open_lines(lock: Path) -> list[str]:
    """Return the lines of a lock that are not a pinned package, a digest or a comment.

    A package without a digest is one of them.
    """
    lines = lock.read_text(encoding="utf-8").splitlines()
    unpinned = []
    for line, following in zip(lines, [*lines[1:], ""], strict=True):
        if not line or line.lstrip().startswith("#"):
            continue
        if line.startswith(" "):
            is_pinned = DIGEST.match(line) is not None
        else:
            is_pinned = PINNED.match(line) is not None and DIGEST.match(following) is not None
        if not is_pinned:
            unpinned.append(line)
    return unpinned


def find_source(pip_audit: str) -> str | None:
    """Return the first source that reports a release known to be vulnerable, or None."""
    for source in SOURCES:
        answers = ask(pip_audit, source, [VULNERABLE]) or []
        if any(package.get("vulns") for package in answers):
            return source
    return None


def look_up(pip_audit: str, source: str, locks: Iterable[Path]) -> bool:
    """Print the known vulnerabilities of all locked releases; return whether there is a problem."""
    queried: set[str] = set()
    vulnerabilities, unknown, unanswered = 0, [], 0
    for lock in locks:
        fresh = [name for name in releases(lock) if name not in queried]
        queried.update(fresh)
        answers = ask(pip_audit, source, fresh) if fresh else []
        if answers is None:
            unanswered += len(fresh)
            continue
        unknown += [package["name"] for package in answers if "skip_reason" in package]
        for package in answers:
            for vulnerability in package.get("vulns", ()):
                vulnerabilities += 1
                fixed = ", ".join(vulnerability["fix_versions"]) or "no version"
                name = f"{package['name']} {package['version']}"
                print(f"{lock.name}: {name}: {vulnerability['id']} (fixed in {fixed})")
    print(
        f"{len(queried)} releases queried at {SOURCES[source]}: "
        f"{vulnerabilities} known vulnerabilities."
    )
    if unknown:
        print(f"It does not know {len(unknown)}: {', '.join(unknown)}.")
    if unanswered:
        print(f"It did not answer for {unanswered}. Run it again.")
    return bool(vulnerabilities or unanswered)


def releases(lock: Path) -> list[str]:
    """Return the releases in a lock as "name==version", without extras and markers."""
    matches = map(RELEASE.match, lock.read_text(encoding="utf-8").splitlines())
    return [f"{match[1]}=={match[2]}" for match in matches if match]


def ask(pip_audit: str, source: str, wanted: list[str]) -> list[dict[str, Any]] | None:
    """Return what a source reports for each release; None if it does not answer."""
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
