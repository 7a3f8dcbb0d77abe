"""Looks up known holes of what is locked: `python -m tests.check_dependencies PIP_AUDIT LOCK…`.

Where the data on holes cannot be reached, it says so and checks what can be checked without: that
each lock names every package with one version and with digests, and no index or address.
"""

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

PINNED = re.compile(r"^[A-Za-z0-9._-]+(\[[A-Za-z0-9._,-]+\])?==[^\s;\\]+( ; [^\\]+)? \\$")
DIGEST = re.compile(r"^    --hash=sha256:[0-9a-f]{64}( \\)?$")
LONGEST_SECONDS = 600


def main(pip_audit: str, locks: list[Path]) -> int:
    """Exits with 1 if a package has a known hole, or a lock is not closed."""
    wrong = [f"{lock}: {line}" for lock in locks for line in open_lines(lock)]
    for line in wrong:
        print(f"not pinned with digests: {line}")
    found, unknown, known = 0, 0, 0
    for lock in locks:
        for package in audit(pip_audit, lock):
            if "skip_reason" in package:
                unknown += 1
                continue
            known += 1
            for hole in package["vulns"]:
                found += 1
                mended = ", ".join(hole["fix_versions"]) or "no version"
                print(f"{lock.name}: {package['name']} {package['version']}: {hole['id']}", end="")
                print(f" (mended in {mended})")
    if known:
        print(f"{known} packages looked up, {found} known holes, {unknown} packages not known.")
    else:
        print(
            "The data on holes cannot be reached from here: only the locks' digests were checked."
        )
    return 1 if wrong or found else 0


def open_lines(lock: Path) -> list[str]:
    """The lines of a lock that are neither a pinned package nor a digest nor a remark."""
    lines = lock.read_text(encoding="utf-8").splitlines()
    packages = [line for line in lines if line and not line.startswith((" ", "#"))]
    strange = [line for line in packages if not PINNED.match(line)]
    digests = [line for line in lines if line.startswith("    --hash")]
    return strange + [line for line in digests if not DIGEST.match(line)]


def audit(pip_audit: str, lock: Path) -> list[dict[str, Any]]:
    """What pip-audit knows of each package; nothing if it cannot reach its data."""
    command = [pip_audit, "--require-hashes", "--disable-pip", "--progress-spinner", "off"]
    command += ["--format", "json", "--requirement", str(lock)]
    asked = subprocess.run(
        command, capture_output=True, text=True, check=False, timeout=LONGEST_SECONDS
    )
    try:
        return list(json.loads(asked.stdout)["dependencies"])
    except (ValueError, KeyError):
        print(f"{lock.name}: pip-audit did not answer: {asked.stderr.strip()[-300:]}")
        return []


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], [Path(name) for name in sys.argv[2:]]))
