"""`run-spec --engine` starts each command in a container; a stub plays podman and docker."""

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from core.errors import InputError
from core.exit import SUCCEEDED
from pipelines.spec_runner.command import Options, run_spec
from tests.pipelines.spec_runner.example_specs import two_tasks
from tests.pipelines.spec_runner.small_specs import last_summary, states, write_spec

# Logs its words. Knows the images whose names begin with "local", and "runs" them here.
STUB = r"""#!{python}
import json, os, subprocess, sys
words = sys.argv[1:]
with open("{log}", "a") as log:
    log.write(json.dumps(words) + "\n")
if words[:2] == ["image", "inspect"]:
    known = words[-1].startswith("local")
    print(open("{id}").read() if known else "")
    sys.exit(0 if known else 1)
if words[0] == "pull":
    sys.exit("no registry here")
if words[0] == "ps":
    print("left1\nleft2")
if words[0] == "run":
    variables = [words[n + 1] for n, word in enumerate(words) if word == "--env"]
    os.environ.update(dict(v.split("=", 1) for v in variables))
    program = words.index("--entrypoint") + 1
    os.chdir(words[words.index("--workdir") + 1])
    os.execvp("{python}", ["python", *words[program + 2:]])
"""


class Stub:
    """A program `podman` or `docker` that keeps what it was called with."""

    def __init__(self, folder: Path) -> None:
        self.log, self.image_id = folder / "calls.jsonl", folder / "id"
        self.image_id.write_text("sha256:aaaa")
        text = STUB.replace("{python}", sys.executable).replace("{log}", str(self.log))
        for name in ("podman", "docker"):
            (folder / name).write_text(text.replace("{id}", str(self.image_id)))
            (folder / name).chmod(0o755)

    def calls(self, verb: str) -> list[list[str]]:
        lines = self.log.read_text().splitlines() if self.log.exists() else []
        return [words for words in map(json.loads, lines) if words[0] == verb]


@pytest.fixture
def stub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Stub:
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", f"{folder}:/usr/bin:/bin")
    return Stub(folder)


def spec_with(resources: dict[str, Any] | None = None) -> dict[str, Any]:
    spec = two_tasks()
    for executor in spec["deploymentSpec"]["executors"].values():
        executor["container"]["image"] = f"us-docker.pkg.dev/p/any@sha256:{'1' * 64}"
        executor["container"]["resources"] = resources or {}
        executor["container"]["env"] = [{"name": "TEXTMILL_IMAGE_DIGEST", "value": "sha256:1"}]
    return spec


def run(folder: Path, spec: dict[str, Any], **options: Any) -> dict[str, str]:
    given = Options(
        **{"engine": "podman", "images": ["us-docker.pkg.dev/p/any=local/any"], **options},
        parameters=["text=hello"],
    )
    path = write_spec(folder, spec)
    assert run_spec(str(path), workdir=str(folder / "w"), options=given) == SUCCEEDED
    return states(last_summary(folder / "w"))


def options_of(words: list[str], name: str) -> list[str]:
    return [words[n + 1] for n, word in enumerate(words) if word == name]


@pytest.mark.parametrize("engine", ["podman", "docker"])
def test_each_task_runs_in_a_container_of_its_own(
    tmp_path: Path, stub: Stub, engine: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SECRET_OF_THIS_MACHINE", "x")
    assert set(run(tmp_path, spec_with(), engine=engine).values()) == {"ran"}
    first, second = stub.calls("run")
    workdir = str(tmp_path / "w")
    for words in (first, second):
        assert words[:3] == ["run", "--rm", "--init"]
        assert options_of(words, "--label") == [f"textmill.workdir={workdir}"]
        assert f"{workdir}:{workdir}" in options_of(words, "--volume")
        at = words.index("--entrypoint")
        assert words[at + 1 : at + 4] == ["python", "sha256:aaaa", "-c"]
        variables = dict(v.split("=", 1) for v in options_of(words, "--env"))
        assert variables.keys() == {"HOME", "PYTHONUNBUFFERED", "TEXTMILL_IMAGE_DIGEST"}
        assert variables["TEXTMILL_IMAGE_DIGEST"] == "sha256:aaaa", "of what runs"
    assert options_of(first, "--name") != options_of(second, "--name")


@pytest.mark.parametrize(
    ("resources", "memory"),
    [
        ({"cpuLimit": 0.5, "memoryLimit": 1.5}, "1500000000b"),
        ({"resourceCpuLimit": "500m", "resourceMemoryLimit": "2Gi"}, "2147483648b"),
    ],
)
def test_a_container_has_the_limits_of_the_spec(
    tmp_path: Path, stub: Stub, resources: dict[str, Any], memory: str
) -> None:
    run(tmp_path, spec_with(resources))
    for words in stub.calls("run"):
        assert options_of(words, "--cpus") == ["0.5"]
        assert options_of(words, "--memory") == [memory]


def test_more_cores_than_this_machine_has_are_no_limit(tmp_path: Path, stub: Stub) -> None:
    run(tmp_path, spec_with({"cpuLimit": 10_000.0}))
    (cores,) = {words for call in stub.calls("run") for words in options_of(call, "--cpus")}
    assert float(cores) < 10_000


def test_another_image_of_the_same_name_is_not_taken_from_the_cache(
    tmp_path: Path, stub: Stub
) -> None:
    assert set(run(tmp_path, spec_with()).values()) == {"ran"}
    assert set(run(tmp_path, spec_with()).values()) == {"cached"}
    stub.image_id.write_text("sha256:bbbb")
    assert set(run(tmp_path, spec_with()).values()) == {"ran"}


def test_containers_of_a_killed_run_are_removed_at_the_start(tmp_path: Path, stub: Stub) -> None:
    run(tmp_path, spec_with())
    (listed,) = stub.calls("ps")
    assert options_of(listed, "--filter") == [f"label=textmill.workdir={tmp_path / 'w'}"]
    assert stub.calls("rm") == [["rm", "--force", "left1", "left2"]]


def test_a_program_that_only_the_image_has_may_run(tmp_path: Path, stub: Stub) -> None:
    spec = spec_with()
    for executor in spec["deploymentSpec"]["executors"].values():
        executor["container"]["command"][0] = "program-of-the-image"
    assert set(run(tmp_path, spec).values()) == {"ran"}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"images": []}, r"The image us-docker.*1 is not on this.*no registry here.*--image"),
        ({"images": ["other=local/any"]}, "the spec does not name the image other"),
        ({"images": ["nonsense"]}, "write it as NAME=LOCAL"),
        ({"engine": None}, "--image needs --engine"),
        ({"warm": True}, "--warm and --engine exclude each other"),
        ({"engine": "no-such-engine"}, "no such program"),
    ],
)  # fmt: skip
def test_options_that_cannot_work_are_refused_before_anything_runs(
    tmp_path: Path, stub: Stub, options: dict[str, Any], message: str
) -> None:
    with pytest.raises(InputError, match=message):
        run(tmp_path, spec_with(), **options)
    assert not stub.calls("run")
    assert not list(tmp_path.glob("w/runs/*"))
