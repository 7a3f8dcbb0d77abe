"""Run the install steps of the images in a clean folder and a clean environment.

This needs no container engine. The packages are those of this environment; `make images-test`
(tests/docker/images.py) builds the images themselves.
"""

import json
import re
import shutil
import subprocess
import sys
import sysconfig
from collections import defaultdict
from pathlib import Path

import pytest

from pipelines.machines.presets import presets
from pipelines.vertex.compile.worker_pools import LIBTPU
from tests.docker import images

TOP = Path(__file__).parents[2]
DOCKERFILE = TOP / "docker" / "Dockerfile"
UV = TOP / ".tools/uv/bin/uv"
SITE_PACKAGES = sysconfig.get_paths()["purelib"]


def stages() -> dict[str, list[str]]:
    """Return the instructions of each stage, with continued lines joined."""
    text = re.sub(r"^\s*#.*\n", "", DOCKERFILE.read_text(encoding="utf-8"), flags=re.MULTILINE)
    instructions: dict[str, list[str]] = defaultdict(list)
    name = ""
    for line in text.replace("\\\n", " ").splitlines():
        if begin := re.match(r"FROM \S+ AS (\S+)", line):
            name = begin[1]
        if line.strip():
            instructions[name].append(" ".join(line.split()))
    return instructions


def copied(stage: str) -> list[str]:
    """List what a stage copies from the checkout."""
    lines = [i.split()[1:-1] for i in stages()[stage] if re.match(r"COPY (?!--from)", i)]
    return [name for names in lines for name in names]


def commands(stage: str) -> list[list[str]]:
    """List the commands of a stage, without their mounts."""
    runs = [i.removeprefix("RUN ") for i in stages()[stage] if i.startswith("RUN ")]
    plain = [re.sub(r"--mount=\S+ ", "", run) for run in runs]
    return [command.split() for run in plain for command in run.split(" && ")]


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Install our wheel as the image does; return the Python of that environment."""
    folder = tmp_path_factory.mktemp("image")
    build, wheel, venv = folder / "build", folder / "wheel", folder / "venv"
    for name in copied("wheel"):
        target = build / name
        target.parent.mkdir(parents=True, exist_ok=True)
        if (TOP / name).is_dir():
            shutil.copytree(TOP / name, target, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(TOP / name, target)
    (step,) = commands("wheel")
    run(step, build, wheel, Path(sys.prefix))
    subprocess.run([UV, "venv", "--quiet", "--python", sys.executable, venv], check=True)
    # This replaces the locked packages. Python ignores .pth files in the added folder, so the
    # checkout, which is installed there as editable, is not importable.
    packages = next(venv.glob("lib/python*/site-packages"))
    (packages / "locked.pth").write_text(f"{SITE_PACKAGES}\n", encoding="utf-8")
    step = commands("venv-data")[0]
    run(step, build, wheel, venv)
    return venv / "bin" / "python"


def run(command: list[str], folder: Path, wheel: Path, venv: Path) -> None:
    """Run a step of the Dockerfile with its paths replaced by local ones."""
    words: list[str] = []
    for word in command:
        moved = word.replace("/wheel", str(wheel), 1) if word.startswith("/wheel") else word
        words += map(str, wheel.glob("*.whl")) if moved.endswith("*.whl") else [moved]
    assert words[0] == "uv"
    subprocess.run(
        [UV, *words[1:]],
        cwd=folder,
        check=True,
        capture_output=True,
        env={"PATH": f"{venv}/bin:/usr/bin:/bin", "VIRTUAL_ENV": str(venv), "HOME": str(folder)},
    )


def check(python: Path, folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [python, TOP / "docker" / "check_image.py", *words],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
        env={
            "PATH": f"{python.parent}:/usr/bin:/bin",
            "HOME": str(folder),
            "TF_CPP_MIN_LOG_LEVEL": "3",
        },
    )


def test_everything_that_the_spec_runs_is_in_the_installed_wheel(
    installed: Path, tmp_path: Path
) -> None:
    checked = check(installed, tmp_path, "files", str(TOP / "pipeline.yaml"))
    assert checked.returncode == 0, checked.stderr[-2000:]
    files = checked.stdout.splitlines()
    for name in (
        "components/vocabulary_gen/executor.py",
        "trainer/run_fn.py",
        "/typing_extensions.py",
    ):
        assert [file for file in files if file.endswith(name)], name
    assert not [file for file in files if file.startswith(str(TOP / "core"))]
    module = subprocess.run(
        [installed, "-c", "import pipelines.cli as m; print(m.__file__)"],
        cwd=tmp_path, check=True, capture_output=True, text=True,
    )  # fmt: skip
    assert module.stdout.startswith(str(installed.parents[1]))
    assert (installed.parent / "textmill").is_file()


def test_every_file_beside_the_code_is_in_the_wheel(installed: Path) -> None:
    """Every tracked file of the packages: recipes, pages, schemas."""
    listed = subprocess.run(
        ["git", "-C", str(TOP), "ls-files", "core", "trainer", "components", "pipelines"],
        check=True, capture_output=True, text=True,
    )  # fmt: skip
    packages = next(installed.parents[1].glob("lib/python*/site-packages"))
    missing = [name for name in listed.stdout.split() if (TOP / name).is_file()
               and not (packages / name).is_file()]  # fmt: skip
    assert missing == []


def test_an_image_with_notebooks_is_refused(installed: Path, tmp_path: Path) -> None:
    """This environment has them; the images leave them out."""
    checked = check(installed, tmp_path, "data", str(TOP / "pipeline.yaml"))
    assert checked.returncode == 1
    assert "is installed, but no task imports it" in checked.stderr


def test_a_checkout_on_the_path_is_refused(tmp_path: Path) -> None:
    """Otherwise an image would pass because of the files in the builder's folder."""
    checked = check(Path(sys.executable), tmp_path, "trainer")
    assert checked.returncode != 0
    assert "is not installed but comes from" in checked.stderr


def test_bases_are_pinned_and_nothing_runs_as_root_but_dataflow_and_tpus() -> None:
    text = DOCKERFILE.read_text(encoding="utf-8")
    assert re.search(r"^ARG PYTHON_DIGEST=sha256:[0-9a-f]{64}$", text, re.MULTILINE)
    assert "# syntax=" not in text, "a frontend is a download that moves"
    origins = {name: lines[0].split()[1] for name, lines in stages().items() if name}
    assert set(origins.values()) <= {"${PYTHON}@${PYTHON_DIGEST}", "${BEAM_SDK}", *origins}
    users = {name: [i for i in lines if i.startswith("USER")] for name, lines in stages().items()}
    assert {name: user for name, user in users.items() if user} == {
        "runtime": ["USER 1000"], "trainer-tpu": ["USER 0"], "dataflow": ["USER 0"],
    }  # fmt: skip
    assert {n for n, origin in origins.items() if origin == "runtime"} == {
        "data", "trainer-gpu", "trainer-tpu",
    }  # fmt: skip
    installs = [i for lines in stages().values() for i in lines if "pip install" in i]
    script = (TOP / "docker/install_locked").read_text(encoding="utf-8").replace("\\\n", "")
    for install in (*installs, *(line for line in script.splitlines() if "pip install" in line)):
        for command in re.findall(r"pip install [^&]*", install):
            known = "--require-hashes" in command or "/wheel/" in command
            assert known, command


def test_there_is_an_image_for_every_machine() -> None:
    targets = set(stages())
    assert {f"trainer-{p.image}" for p in presets().values() if p.image != "cpu"} <= targets
    linked = "ln -s /opt/venv/lib/python3.13/site-packages/libtpu/libtpu.so /lib/libtpu.so"
    assert any(linked in line for line in stages()["trainer-tpu"])
    assert LIBTPU == "/lib/libtpu.so"


def test_hadolint_finds_nothing() -> None:
    linter = Path(sys.executable).with_name("hadolint")
    result = subprocess.run([linter, DOCKERFILE], capture_output=True, text=True, check=False)
    assert (result.returncode, result.stdout) == (0, "")


def test_a_changed_input_asks_for_a_new_build(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    record = tmp_path / "verified.json"
    record.write_text(json.dumps({"inputs": images.input_digests()}), encoding="utf-8")
    monkeypatch.setattr(images, "RECORD", record)
    images.check()
    monkeypatch.setattr(images, "INPUTS", (*images.INPUTS, "docker/cloudbuild.yaml"))
    with pytest.raises(SystemExit, match=r"docker/cloudbuild\.yaml\. Run `make images-test`"):
        images.check()


def test_everything_that_the_build_copies_but_the_code_is_in_the_record() -> None:
    names = {name for stage in stages() for name in copied(stage)}
    code = {
        "core",
        "trainer",
        "components",
        "pipelines",
        "README.md",
        "LICENSE",
        "NOTICE",
        "pipeline.yaml",
    }
    assert names - code <= {*images.INPUTS, "requirements/textmill.in"}
