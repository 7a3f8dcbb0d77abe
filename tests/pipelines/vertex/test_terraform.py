"""Tests that the Terraform parses, is consistent, and agrees with the documentation."""

import re
from pathlib import Path
from typing import Any

import hcl2
import pytest

HERE = Path(__file__).parents[3]
FOLDER = HERE / "pipelines" / "vertex" / "terraform"
DOCS = HERE / "docs" / "guides" / "vertex-accounts.md"
BROAD_ROLES = {"roles/owner", "roles/editor", "roles/aiplatform.admin", "roles/storage.admin"}


@pytest.fixture(scope="module")
def text() -> str:
    return "\n".join(path.read_text(encoding="utf-8") for path in sorted(FOLDER.glob("*.tf")))


def parsed() -> list[dict[str, Any]]:
    return [hcl2.loads(path.read_text(encoding="utf-8")) for path in sorted(FOLDER.glob("*.tf"))]


def blocks(kind: str) -> set[str]:
    """Return the addresses of all blocks of a kind, e.g. google_storage_bucket.artifacts."""
    addresses: set[str] = set()
    for content in parsed():
        for block in content.get(kind, ()):
            for first, inner in block.items():
                names = [first, *(inner if kind == "resource" else ())]
                if kind == "resource":
                    names = [f"{first}.{second}" for second in inner]
                addresses |= {name.replace('"', "") for name in names}
    return addresses


def test_every_reference_is_defined(text: str) -> None:
    resources = blocks("resource")
    assert len(resources) > 10
    for reference in re.findall(r"\b(google_[a-z_]+\.[a-z_]+)\.", text):
        assert reference in resources
    assert set(re.findall(r"\bvar\.(\w+)", text)) == blocks("variable")


def test_no_rule_deletes_artifacts_or_published_models(text: str) -> None:
    """A cached task would point at what is gone."""
    (prefixes,) = re.findall(r"matches_prefix = \[(.*)\]", text)
    assert prefixes == '"${local.root}/checkpoints/", "${local.root}/dataflow/"'
    assert text.count('lifecycle_rule"') == 1


def test_no_account_keys_or_broad_roles(text: str) -> None:
    assert "google_service_account_key" not in text
    roles = set(re.findall(r"roles/[\w.]+", text))
    assert not roles & BROAD_ROLES
    assert 'public_access_prevention    = "enforced"' in text


def test_the_documentation_names_the_same_roles_and_apis(text: str) -> None:
    docs = DOCS.read_text(encoding="utf-8")
    table = set(re.findall(r"roles/[\w.]+[\w]", docs))
    assert set(re.findall(r"roles/[\w.]+[\w]", text)) <= table
    commands = docs.split("## With gcloud")[1].split("\n## ")[0]
    granted = set(re.findall(r"roles/([\w.]+\w)", commands))
    for loop in re.findall(r"for role in ([^;]+);", commands):
        granted |= set(loop.split())
    assert granted == {role.removeprefix("roles/") for role in re.findall(r"roles/[\w.]+\w", text)}
    apis = set(re.findall(r"[a-z]+\.googleapis\.com", text))
    assert apis == set(re.findall(r"[a-z]+\.googleapis\.com", commands))
