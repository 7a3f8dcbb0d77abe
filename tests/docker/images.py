"""Build images as Docker would, run the pipeline in them, and record it in docker/verified.json.

    python -m tests.docker.images            # make images-test
    python -m tests.docker.images --check    # make check: fails if what went in has changed since

Needs buildah, podman and runc, and no daemon. Where no registry is reached, the base image is made
of Debian's packages (docker/make_base).
"""

import hashlib
import json
import os
import re
import subprocess
import sys
import time
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

TOP = Path(__file__).parents[2]
RECORD = TOP / "docker/verified.json"
WORK = Path(os.environ.get("IMAGES_WORK", TOP / "work/images"))
STAND_IN = "localhost/textmill-base"
# What decides how an image is built. The code of the wheel is not among it: every change of it
# would ask for a build of minutes, and tests/docker installs the wheel in each run of the tests.
INPUTS = (
    "docker/Dockerfile", "docker/Dockerfile.dockerignore", "docker/check_image.py",
    "docker/install_locked", "pyproject.toml", "requirements/build.txt",
    "requirements/image-excludes.txt", "requirements/newer/textmill.txt",
    "requirements/trainer-gpu.txt", "requirements/trainer-tpu.txt", "requirements/uv.txt",
)  # fmt: skip
LIMITS_MB = {"data": 2500}
USERS = {"trainer-tpu": "0"}  # a TPU's devices belong to root; all others run as 1000
TARGETS = ("data", "trainer-gpu")
# No commit: buildah 1.28 takes a LABEL from its cache although its ARG changed.
REVISION = "images-test"
ENGINE_SETTINGS = """[engine]
runtime = "runc"
[containers]
default_ulimits = ["nofile=20000:20000", "nproc=30000:30000"]
"""


def main(arguments: Sequence[str]) -> None:
    """Build and test, or check the record."""
    if list(arguments) == ["--check"]:
        return check()
    targets = arguments or TARGETS
    environment = prepare()
    base, digest, origin = find_base(environment)
    images = {}
    for target in targets:
        images[target] = build(target, base, digest, environment)
        limit = LIMITS_MB.get(target)
        size = images[target]["size_mb"]
        if limit and size > limit:
            sys.exit(f"The image {target} has {size} MB; its limit is {limit} MB.")
    record = {
        "inputs": input_digests(),
        "base": {"image": f"{base}@{digest}", "origin": origin},
        "built_with": call(["buildah", "--version"], environment).strip(),
        "images": images,
    }
    if "data" in images:
        call(
            [sys.executable, "-m", "pytest", "tests/docker/test_engine.py"],
            {**environment, "TEXTMILL_TEST_IMAGE": "localhost/textmill/data"},
        )
        record["pipeline"] = run_pipeline(list(images), environment)
        RECORD.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")
    print(json.dumps(record, indent=1))


def check() -> None:
    """Exit with an error if an input of the images is not that of the last `make images-test`."""
    verified = json.loads(RECORD.read_text(encoding="utf-8"))["inputs"]
    now = input_digests()
    changed = sorted(name for name in {*verified, *now} if verified.get(name) != now.get(name))
    if changed:
        sys.exit(
            f"{RECORD.name}: the images were not built since these changed: "
            f"{', '.join(changed)}. Run `make images-test` and commit the file."
        )


def input_digests() -> dict[str, str]:
    """Return the sha256 of each input without comments; of pyproject.toml, of the wheel's part."""
    texts = {name: (TOP / name).read_text(encoding="utf-8") for name in INPUTS}
    contents = {name: re.sub(r"(?m)^\s*#.*\n", "", text).encode() for name, text in texts.items()}
    settings = tomllib.loads(texts["pyproject.toml"])
    built_by = [settings["build-system"], settings["project"], settings["tool"]["setuptools"]]
    contents["pyproject.toml"] = json.dumps(built_by, sort_keys=True).encode()
    return {name: hashlib.sha256(content).hexdigest() for name, content in contents.items()}


def prepare() -> dict[str, str]:
    """Return the environment of buildah and podman, which keep their images in the work folder."""
    (WORK / "tmp").mkdir(parents=True, exist_ok=True)
    (WORK / "containers.conf").write_text(ENGINE_SETTINGS, encoding="utf-8")
    (WORK / "storage.conf").write_text(
        f'[storage]\ndriver = "overlay"\nrunroot = "{WORK}/run"\ngraphroot = "{WORK}/storage"\n',
        encoding="utf-8",
    )
    return {
        **os.environ,
        "CONTAINERS_CONF": str(WORK / "containers.conf"),
        "CONTAINERS_STORAGE_CONF": str(WORK / "storage.conf"),
        "BUILDAH_ISOLATION": "chroot",
        "TMPDIR": str(WORK / "tmp"),
    }


def find_base(environment: Mapping[str, str]) -> tuple[str, str, str]:
    """Return the base's name and digest, and where it comes from: a registry or our stand-in."""
    dockerfile = (TOP / "docker/Dockerfile").read_text(encoding="utf-8")
    name, digest = re.findall(r"^ARG PYTHON(?:_DIGEST)?=(\S+)$", dockerfile, re.MULTILINE)
    pull = ["podman", "pull", "--quiet", f"{name}@{digest}"]
    pulled = subprocess.run(pull, env=environment, capture_output=True, text=True, check=False)
    if pulled.returncode == 0:
        return name, digest, "pulled from its registry"
    print(f"No registry ({pulled.stderr.strip().splitlines()[-1]}); the base is made here.")
    inspect = ["podman", "image", "inspect", "--format", "{{.Digest}}", f"{STAND_IN}:trixie"]
    made = subprocess.run(inspect, env=environment, capture_output=True, text=True, check=False)
    if made.returncode != 0:
        call([str(TOP / "docker/make_base"), f"{STAND_IN}:trixie"], environment)
        made = subprocess.run(inspect, env=environment, capture_output=True, text=True, check=True)
    return STAND_IN, made.stdout.strip(), "made of Debian 13's packages by docker/make_base"


def build(target: str, base: str, digest: str, environment: Mapping[str, str]) -> dict[str, Any]:
    """Build an image and check what its configuration says; return its size and seconds."""
    certificates = os.environ.get("SSL_CERT_FILE", "/etc/ssl/certs/ca-certificates.crt")
    begin = time.monotonic()
    call(
        [
            *("buildah", "build", "--layers", "--file", "docker/Dockerfile"),
            *("--ignorefile", "docker/Dockerfile.dockerignore", "--target", target),
            *("--build-arg", f"PYTHON={base}", "--build-arg", f"PYTHON_DIGEST={digest}"),
            *("--build-arg", f"REVISION={REVISION}", "--secret", f"id=ca,src={certificates}"),
            *("--tag", f"localhost/textmill/{target}", "."),
        ],
        environment,
    )
    seconds = round(time.monotonic() - begin)
    shown = call(["podman", "image", "inspect", f"localhost/textmill/{target}"], environment)
    image = json.loads(shown)[0]
    labels = {name.rpartition("image.")[2]: v for name, v in image["Config"]["Labels"].items()}
    assert image["Config"]["User"] == USERS.get(target, "1000"), image["Config"]
    assert labels["revision"] == REVISION, labels
    assert labels["base.digest"] == digest, labels
    return {"id": image["Id"], "size_mb": round(image["Size"] / 1e6), "build_seconds": seconds}


def run_pipeline(targets: Sequence[str], environment: Mapping[str, str]) -> dict[str, Any]:
    """Run a compiled spec with each task in a container, twice; return its tasks and seconds.

    The training job runs in `trainer-gpu` if that was built, on CPUs, and otherwise in `data`.
    """
    from tests.pipelines.spec_runner.conftest import IMAGE, REAL_TEXT, TRAINER_IMAGE, compile_tiny

    folder = WORK / "spec"
    call(["rm", "-rf", str(folder)], environment)
    folder.mkdir()
    trainer = "trainer-gpu" if "trainer-gpu" in targets else "data"
    spec = compile_tiny(folder, TRAINER_IMAGE)
    command = [
        *(str(Path(sys.executable).with_name("textmill")), "run-spec", str(spec)),
        *("--text", str(REAL_TEXT), "--workdir", str(folder / "w"), "--no-retry"),
        *("--engine", "podman", "--image", f"{IMAGE}=localhost/textmill/data"),
        *("--image", f"{TRAINER_IMAGE}=localhost/textmill/{trainer}"),
    ]
    seconds = []
    for _ in range(2):
        begin = time.monotonic()
        call(command, environment)
        seconds.append(round(time.monotonic() - begin))
    summaries = sorted((folder / "w/runs").glob("*/summary.json"))
    states = [
        {node["node"]: node["state"] for node in json.loads(path.read_text())["nodes"]}
        for path in summaries
    ]
    assert set(states[0].values()) == {"ran"}, states[0]
    assert states[1]["Trainer"] == states[1]["InstanceGen"] == "cached", states[1]
    left = call(["podman", "ps", "--all", "--quiet"], environment)
    assert left == "", f"containers are left: {left}"
    return {
        "tasks": len(states[0]), "training_job": trainer, "seconds": seconds[0],
        "seconds_cached": seconds[1],
    }  # fmt: skip


def call(command: Sequence[str], environment: Mapping[str, str]) -> str:
    """Run a command; return its output, or exit with the end of it."""
    print("+", *command, flush=True)
    done = subprocess.run(
        command, cwd=TOP, env=environment, capture_output=True, text=True, check=False
    )
    if done.returncode != 0:
        sys.exit(f"{command[0]} failed ({done.returncode}):\n{(done.stdout + done.stderr)[-4000:]}")
    return done.stdout


if __name__ == "__main__":
    main(sys.argv[1:])
