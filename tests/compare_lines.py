"""Check which files of the demo are equal between the two lines: `python -m … WORKDIR OTHER`.

Each workdir has one run of the demo, one of each line of TFX. docs/architecture.md has the list.
"""

import sys
from collections.abc import Iterator
from pathlib import Path

from tests.check_demo import must

EQUAL = {f"transformers/{n}.json" for n in ("config", "tokenizer", "tokenizer_config")}
EQUAL |= {"transformers/vocab.txt"}
# Weights that were rounded differently, a graph that another TensorFlow wrote, and what names them.
DIFFERENT = {"README.md", "manifest.json", "saved_model.pb", "transformers/README.md"}
DIFFERENT |= {"transformers/model.safetensors", "variables/variables.index"}
DIFFERENT |= {"variables/variables.data-00000-of-00001"}
DATA = ("TextExampleGen/examples", "VocabularyGen/vocabulary", "InstanceGen/instances")


def main(workdir: Path, other: Path) -> None:
    """Compare the published models, and the data before the training."""
    models = [only(top.glob("published/demo/*/manifest.json")).parent for top in (workdir, other)]
    equal, different = compare(*models)
    must(equal == EQUAL, f"the models have these equal files: {sorted(equal)}")
    must(different == DIFFERENT, f"these differ: {sorted(different)}")
    for data in DATA:
        folders = [only(top.glob(f"artifacts/demo/{data}/*")) for top in (workdir, other)]
        equal, different = compare(*folders)
        names = {Path(name).name for name in different}
        must(bool(equal) and names <= {"manifest.json"}, f"{data}: {sorted(different)} differ")
    print(f"compare_lines: {len(EQUAL)} published files and {', '.join(DATA)} are equal")


def only(paths: Iterator[Path]) -> Path:
    """Return the one path."""
    matches = list(paths)
    must(len(matches) == 1, f"one expected: {matches}")
    return matches[0]


def compare(left: Path, right: Path) -> tuple[set[str], set[str]]:
    """Return the names of the equal files of two folders, and of all others."""
    names = {
        str(path.relative_to(top))
        for top in (left, right)
        for path in top.rglob("*")
        if path.is_file()
    }
    equal = {name for name in names if content(left / name) == content(right / name)}
    return equal, names - equal


def content(path: Path) -> bytes | None:
    """Return the bytes of a file; None if there is none."""
    return path.read_bytes() if path.is_file() else None


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
