"""The locks of the training images have all that core/ and trainer/ import, and no TFX."""

import ast
import re
import sys
from collections.abc import Iterator
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

TOP = Path(__file__).parents[2]
OURS = {"core", "trainer"}
# Modules of namespace packages, which several distributions share.
GOOGLE = {
    "google.api_core": "google-api-core",
    "google.auth": "google-auth",
    "google.cloud": "google-cloud-storage",
    "google.protobuf": "protobuf",
}


def imports() -> Iterator[str]:
    for path in [p for name in OURS for p in (TOP / name).rglob("*.py")]:
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import):
                yield from (alias.name for alias in node.names)
            elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                yield node.module


def distributions() -> set[str]:
    """The distributions that core/ and trainer/ import."""
    names, known = set(), packages_distributions()
    for module in set(imports()):
        top, *rest = module.split(".")
        if top == "google":
            names.add(GOOGLE[f"google.{rest[0]}"])
        elif top not in OURS and top not in sys.stdlib_module_names:
            names.add(known[top][0].lower().replace("_", "-"))
    return names


@pytest.mark.parametrize("kind", ["gpu", "tpu"])
def test_a_training_image_has_what_the_training_imports(kind: str) -> None:
    lock = (TOP / f"requirements/trainer-{kind}.txt").read_text()
    pinned = dict(re.findall(r"^([a-z0-9-]+)==(\S+)", lock, re.M))
    needed = distributions()
    assert {"tensorflow", "tensorflow-text", "numpy", "google-cloud-storage"} <= needed
    if kind == "tpu":
        needed = needed - {"tensorflow"} | {"tensorflow-tpu", "libtpu"}
    assert needed <= pinned.keys()
    assert not {"tfx", "apache-beam", "ml-metadata", "pyarrow"} & pinned.keys()
    tensorflow = pinned["tensorflow-tpu" if kind == "tpu" else "tensorflow"]
    assert pinned["tensorflow-text"].split(".")[:2] == tensorflow.split(".")[:2]
