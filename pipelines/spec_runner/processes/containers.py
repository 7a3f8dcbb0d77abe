"""Run commands in containers of Docker or Podman, and leave no container behind."""

import os
import subprocess
import uuid
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from core.provenance import IMAGE_DIGEST
from pipelines.spec_runner.spec.errors import SpecError

LABEL = "textmill.workdir"  # of each container, so that a later run finds those of a killed one
GIGABYTE = 10**9
STARTUP = Path(__file__).parent / "container_start"  # Python runs its sitecustomize at startup
_STARTUP_INSIDE = "/textmill/container_start"


@dataclass(frozen=True)
class Command:
    """The command of a container, with buckets replaced by local folders.

    Args:
        words: program and arguments; no shell is involved.
        variables: environment variables of the container's spec.
        image: name of the image.
        redirect: make Google's training client use the service on this machine.
        resources: the spec's `resources`: limits of CPU and memory.
    """

    words: Sequence[str]
    variables: Mapping[str, str] = field(default_factory=dict)
    image: str = ""
    redirect: bool = False
    resources: Mapping[str, Any] = field(default_factory=dict)


class ContainerEngine:
    """Starts containers with `docker` or `podman`.

    Args:
        program: docker or podman.
        images: the local image to start instead of an image of the spec. The names may lack the
            digest.
        workdir: mounted at its own path; containers are labeled with it.
        folders: other folders that are mounted at their own paths.
    """

    def __init__(
        self, program: str, images: Mapping[str, str], workdir: Path, folders: Sequence[Path] = ()
    ) -> None:
        self._program = program
        self._images = images
        self._workdir = workdir
        self._folders = folders
        self._ids: dict[str, str] = {}

    def image_ids(self, image: str, text: str) -> dict[str, str]:
        """Return the ids of an image and of every replaced image that a text names, by name."""
        named = [name for name in self._images if name in text]
        return {name: self._image_id(name) for name in (image, *named)}

    def check_images(self, images: Sequence[str]) -> None:
        """Pull the images that are not on this machine.

        Raises:
            SpecError: an image cannot be had.
        """
        for image in dict.fromkeys([*images, *self._images]):
            self._image_id(image)

    def run_words(self, command: Command, name: str, folder: Path) -> list[str]:
        """Return the words that start a container.

        Args:
            command: its program replaces the entry point of the image.
            name: of the container.
            folder: working folder.
        """
        image_id = self._image_id(command.image)
        return [
            *(self._program, "run", "--rm", "--init", "--name", name),
            *("--label", f"{LABEL}={self._workdir}", "--network", "host"),
            *self._user(),
            *self._limits(command.resources),
            *self._mounts(command),
            *("--workdir", str(folder)),
            *_options("--env", self._variables(command, image_id)),
            *("--entrypoint", command.words[0]),
            image_id,
            *command.words[1:],
        ]

    def remove(self, names: Sequence[str]) -> None:
        """End and remove containers, of which some may have ended."""
        if names:
            self._call("rm", "--force", *names)

    def remove_leftovers(self) -> None:
        """Remove the containers that a killed run of the workdir left behind."""
        listed = self._call("ps", "--all", "--quiet", "--filter", f"label={LABEL}={self._workdir}")
        self.remove(listed.stdout.split())

    def _image_id(self, image: str) -> str:
        local = self._images.get(image) or self._images.get(image.partition("@")[0]) or image
        if local not in self._ids:
            inspected = self._call("image", "inspect", "--format", "{{.Id}}", local)
            if inspected.returncode != 0:
                pulled = self._call("pull", "--quiet", local)
                inspected = self._call("image", "inspect", "--format", "{{.Id}}", local)
                if inspected.returncode != 0:
                    reason = (pulled.stderr.strip() or inspected.stderr.strip()).splitlines()[-1:]
                    raise SpecError(
                        f"The image {local} is not on this machine and cannot be pulled "
                        f"({''.join(reason)}). Name a local one with --image {image}=IMAGE."
                    )
            self._ids[local] = inspected.stdout.strip()
        return self._ids[local]

    def _user(self) -> list[str]:
        """Return options that give the files in the workdir to the user who runs this."""
        user = ["--user", f"{os.getuid()}:{os.getgid()}"]
        is_rootless_podman = self._program == "podman" and os.getuid() != 0
        return [*user, "--userns", "keep-id"] if is_rootless_podman else user

    def _limits(self, resources: Mapping[str, Any]) -> Iterator[str]:
        """Yield the limits of CPU and memory, which this machine may not have."""
        cpu = _quantity(resources.get("resourceCpuLimit") or resources.get("cpuLimit") or 0)
        memory = _quantity(resources.get("resourceMemoryLimit") or 0)
        memory = memory or _quantity(resources.get("memoryLimit") or 0) * GIGABYTE
        if cpu:
            yield from ("--cpus", f"{min(cpu, os.cpu_count() or 1):g}")
        if memory:
            yield from ("--memory", f"{memory:.0f}b")

    def _mounts(self, command: Command) -> list[str]:
        mounts = {str(folder): str(folder) for folder in (self._workdir, *self._folders)}
        if command.redirect:
            mounts[str(STARTUP)] = f"{_STARTUP_INSIDE}:ro"
        return [word for at, inside in mounts.items() for word in ("--volume", f"{at}:{inside}")]

    def _variables(self, command: Command, image_id: str) -> dict[str, str]:
        """Return the container's environment: the image's PATH stays, and no variable of ours."""
        variables = {"HOME": "/tmp", "PYTHONUNBUFFERED": "1", **command.variables}  # noqa: S108
        if command.redirect:
            variables |= {"PYTHONPATH": _STARTUP_INSIDE, "NO_PROXY": "127.0.0.1"}
        if IMAGE_DIGEST in variables:  # what runs, not what the spec names
            variables[IMAGE_DIGEST] = f"sha256:{image_id.removeprefix('sha256:')}"
        return variables

    def _call(self, *words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(  # noqa: S603 - docker or podman
            [self._program, *words], capture_output=True, text=True, check=False
        )


def container_name() -> str:
    """Return a new name for a container."""
    return f"textmill-{uuid.uuid4().hex[:12]}"


def parse_images(texts: Sequence[str], spec: str) -> dict[str, str]:
    """Parse the values of `--image`, each `NAME=LOCAL`.

    Args:
        texts: the values.
        spec: the text of the spec, which must name each image.

    Raises:
        SpecError: a value has another form, or the spec does not name the image.
    """
    images: dict[str, str] = {}
    for text in texts:
        name, equals, local = text.partition("=")
        if not (name and equals and local):
            raise SpecError(f"--image {text}: write it as NAME=LOCAL, two names of images.")
        if name not in spec:
            raise SpecError(f"--image {text}: the spec does not name the image {name}.")
        images[name] = local
    return images


def _options(option: str, values: Mapping[str, str]) -> list[str]:
    return [word for name, value in values.items() for word in (option, f"{name}={value}")]


def _quantity(value: Any) -> float:
    """Return a number, or a quantity of Kubernetes such as 500m or 16Gi."""
    if isinstance(value, int | float):
        return float(value)
    from kubernetes.utils.quantity import parse_quantity  # half a second to import

    return float(parse_quantity(value))
