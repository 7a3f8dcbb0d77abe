"""Check which files of the demo are equal between the two lines: `python -m … WORKDIR OTHER`.

Each workdir has one run of the demo, one of each line of TFX. docs/architecture.md has the list.
"""

import sys
from pathlib import Path

from tests.check_demo import must

EQUAL = (
    "published/demo/*/transformers/*.json",
    "published/demo/*/transformers/vocab.txt",
    "artifacts/demo/TextExampleGen/examples/*/Split-*/*.gz",
    "artifacts/demo/VocabularyGen/vocabulary/*/vocab.txt",
    "artifacts/demo/InstanceGen/instances/*/Split-*/*.gz",
)


def main(workdir: Path, other: Path) -> None:
    """Compare the files that must be equal; name the published ones that differ."""
    for pattern in EQUAL:
        files = read(workdir, pattern)
        must(bool(files), f"{workdir} has no {pattern}")
        must(files == read(other, pattern), f"the lines wrote different {pattern}")
    ours, theirs = (read(top, "published/demo/[0-9]*/**/*") for top in (workdir, other))
    names = sorted(name for name in {*ours, *theirs} if ours.get(name) != theirs.get(name))
    print(f"compare_lines: equal but for {', '.join(names)} of the published model")


def read(workdir: Path, pattern: str) -> dict[str, bytes]:
    """Return the content of files by their names without the numbers of executions and versions."""
    return {
        "/".join(
            p for p in path.relative_to(workdir).parts[2:] if not p.isdigit()
        ): path.read_bytes()
        for path in workdir.glob(pattern)
        if path.is_file()
    }


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
