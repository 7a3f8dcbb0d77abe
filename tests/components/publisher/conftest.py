"""Write a model's folder and a card by hand."""

from pathlib import Path

import pytest

from core.manifest import Manifest, describe_file, write_manifest
from tests.object_store.conftest import running, store  # noqa: F401 - fixtures

FILES = {
    "saved_model.pb": b"graph",
    "fingerprint.pb": b"fingerprint",
    "variables/variables.index": b"index",
    "variables/variables.data-00000-of-00001": bytes(range(256)) * 20,
    "transformers/config.json": b'{"model_type": "bert"}',
    "transformers/model.safetensors": b"weights",
}


def write_model(folder: Path, files: dict[str, bytes]) -> str:
    for path, content in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(content)
    manifest = Manifest(
        kind="model",
        shards={"all": [describe_file(str(folder), path) for path in sorted(files)]},
        counts={"all": {"parameters": 7}},
        facts={"seed": 1, "code_digest": "abc"},
    )
    write_manifest(str(folder), manifest)
    return str(folder)


@pytest.fixture
def model(tmp_path: Path) -> str:
    return write_model(tmp_path / "model" / "Format-Serving", FILES)


@pytest.fixture
def card(tmp_path: Path) -> str:
    (tmp_path / "card").mkdir()
    (tmp_path / "card" / "README.md").write_text("# A model\n", encoding="utf-8")
    return str(tmp_path / "card")
