"""The build on Cloud Build, with stubs instead of docker and gcloud."""

import json
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

TOP = Path(__file__).parents[2]
CONFIG = yaml.safe_load((TOP / "docker/cloudbuild.yaml").read_text(encoding="utf-8"))
STUB = """#!/usr/bin/env python3
import json, sys
with open({log!r}, "a") as log:
    log.write(json.dumps(sys.argv[1:]) + "\\n")
"""
REVISION = "a" * 40
SDK = f"apache/beam_python3.13_sdk:2.70.0@sha256:{'b' * 64}"


@pytest.fixture
def stubs(tmp_path: Path) -> Path:
    """Return a folder with `docker` and `gcloud`, which keep their words in `calls`."""
    for name in ("docker", "gcloud"):
        (tmp_path / name).write_text(STUB.format(log=str(tmp_path / "calls")), encoding="utf-8")
        (tmp_path / name).chmod(0o755)
    return tmp_path


def calls(stubs: Path) -> list[list[str]]:
    log = stubs / "calls"
    return [json.loads(line) for line in log.read_text().splitlines()] if log.exists() else []


def substitute(text: str, **given: str) -> str:
    """Replace `$_NAME` as Cloud Build does, and `$$` by `$`; an unknown name is an error there."""
    values = {**CONFIG["substitutions"], "PROJECT_ID": "acme", **given}
    return re.sub(
        r"\$(\$|\{(\w+)\}|([A-Z_]+))",
        lambda m: "$" if m[1] == "$" else values[m[2] or m[3]],
        text,
    )


def build(stubs: Path, **given: str) -> subprocess.CompletedProcess[str]:
    (step,) = CONFIG["steps"]
    return subprocess.run(
        [step["entrypoint"], *(substitute(word, **given) for word in step["args"])],
        env={"PATH": f"{stubs}:/usr/bin:/bin"}, capture_output=True, text=True, check=False,
    )  # fmt: skip


def values_of(words: list[str], option: str) -> list[str]:
    return [words[n + 1] for n, word in enumerate(words) if word == option]


@pytest.mark.parametrize("target", ["data", "trainer-gpu", "trainer-tpu"])
def test_one_image_is_built_with_its_revision_and_time(stubs: Path, target: str) -> None:
    done = build(stubs, _TARGET=target, _REVISION=REVISION, _EPOCH="1796000000", _SOURCE="s")
    assert done.returncode == 0, done.stderr
    (words,) = calls(stubs)
    assert words[0] == "build"
    assert words[-1] == "."
    assert values_of(words, "--target") == [target]
    assert values_of(words, "--build-arg") == [
        f"REVISION={REVISION}", "SOURCE=s", "SOURCE_DATE_EPOCH=1796000000",
    ]  # fmt: skip
    tag = f"us-central1-docker.pkg.dev/acme/textmill/{target}:{REVISION}"
    assert values_of(words, "--tag") == [tag]
    pushed = [substitute(name, _TARGET=target, _REVISION=REVISION) for name in CONFIG["images"]]
    assert pushed == [tag], "what Cloud Build pushes, and attests, is what was built"


def test_the_image_of_dataflow_gets_beams_sdk(stubs: Path) -> None:
    build(stubs, _TARGET="dataflow", _REVISION=REVISION, _EPOCH="1", _BEAM_SDK=SDK)
    (words,) = calls(stubs)
    assert f"BEAM_SDK={SDK}" in values_of(words, "--build-arg")


@pytest.mark.parametrize("given", [{}, {"_REVISION": REVISION}, {"_EPOCH": "1"}])
def test_a_build_of_no_known_commit_is_refused(stubs: Path, given: dict[str, str]) -> None:
    done = build(stubs, **given)
    assert done.returncode == 1
    assert "start the build with docker/cloud_build" in done.stderr
    assert calls(stubs) == []


def test_the_builder_is_pinned_and_provenance_is_required() -> None:
    (step,) = CONFIG["steps"]
    assert re.fullmatch(r"gcr\.io/cloud-builders/docker@sha256:[0-9a-f]{64}", step["name"])
    assert CONFIG["options"]["requestedVerifyOption"] == "VERIFIED"


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """Return a clean git checkout with docker/cloud_build."""
    folder = tmp_path / "checkout"
    (folder / "docker").mkdir(parents=True)
    script = folder / "docker/cloud_build"
    script.write_bytes((TOP / "docker/cloud_build").read_bytes())
    script.chmod(0o755)
    identity = ("-c", "user.name=t", "-c", "user.email=t@t")
    for words in (["init", "-q"], ["add", "."], [*identity, "commit", "-qm", "one"]):
        subprocess.run(["git", "-C", folder, *words], check=True)
    return folder


def start(checkout: Path, stubs: Path, *targets: str, **more: str) -> Any:
    return subprocess.run(
        [checkout / "docker/cloud_build", *targets],
        env={"PATH": f"{stubs}:/usr/bin:/bin", **more}, capture_output=True, text=True, check=False,
    )  # fmt: skip


def test_each_target_is_submitted_with_the_commit(checkout: Path, stubs: Path) -> None:
    done = start(checkout, stubs, "data", "trainer-gpu", SUBSTITUTIONS="_REGION=europe-west4")
    assert done.returncode == 0, done.stderr
    head = subprocess.run(
        ["git", "-C", checkout, "rev-parse", "HEAD"], check=True, capture_output=True, text=True
    )
    for words, target in zip(calls(stubs), ("data", "trainer-gpu"), strict=True):
        assert words[:2] == ["builds", "submit"]
        assert words[2].endswith(".tar.gz"), "the source is an archive of the commit"
        (substitutions,) = values_of(words, "--substitutions")
        given = dict(pair.split("=", 1) for pair in substitutions.split(","))
        assert given.keys() <= CONFIG["substitutions"].keys()
        assert (given["_TARGET"], given["_REVISION"]) == (target, head.stdout.strip())
        assert given["_REGION"] == "europe-west4"
        assert given["_EPOCH"].isdigit()


@pytest.mark.parametrize("change", ["docker/cloud_build", "docker/new"])
def test_a_checkout_with_changes_is_refused(checkout: Path, stubs: Path, change: str) -> None:
    with (checkout / change).open("a") as file:
        file.write("\n# changed\n")
    done = start(checkout, stubs, "data")
    assert done.returncode == 1
    assert "not committed" in done.stderr
    assert calls(stubs) == []
