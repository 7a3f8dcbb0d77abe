"""This machine: processor, memory, disk, Python, and the versions of what Textmill stands on."""

import os
import platform
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

from core.wording import plural
from pipelines.vertex.doctor.check import Check

GIB = 1 << 30
PYTHON = (3, 10)  # what the lock is for
NEEDED_MEMORY = 4 * GIB  # the demo takes 2; TFX alone takes 1
NEEDED_DISK = 5 * GIB  # artifacts of a small corpus, checkpoints and a model, with room
NEEDED_FILES = 1024


def local_checks(folder: Path) -> Iterator[Check]:
    """Looks at this machine.

    Args:
        folder: where runs would be kept; its disk is looked at.
    """
    yield _python()
    yield _processor()
    yield _memory()
    yield _disk(folder)
    yield from _packages()
    yield _temporary_files()


def _python() -> Check:
    version = platform.python_version()
    if sys.version_info[:2] == PYTHON:
        return Check("python", "ok", version)
    wanted = ".".join(map(str, PYTHON))
    return Check(
        "python", "warning", f"{version}; the pinned packages are for {wanted}",
        f"Install Python {wanted} (uv fetches it: `make setup`).",
    )  # fmt: skip


def _processor() -> Check:
    machine, cores = platform.machine(), len(os.sched_getaffinity(0))
    told = f"{machine}, {plural(cores, 'core', 'cores')}"
    if machine != "x86_64":
        return Check(
            "processor", "failed", told,
            "TFX and ml-metadata have wheels for x86-64 Linux alone. Use such a machine.",
        )  # fmt: skip
    if not _has_avx():
        return Check(
            "processor", "failed", f"{told}, without AVX",
            "TensorFlow's wheels end with `Illegal instruction` here. Use a processor with AVX.",
        )  # fmt: skip
    return Check("processor", "ok", told)


def _has_avx() -> bool:
    info = Path("/proc/cpuinfo")
    return not info.exists() or " avx " in info.read_text(encoding="utf-8")


def _memory() -> Check:
    total = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    limit = min(total, _container_limit() or total)
    told = f"{limit / GIB:.1f} GiB"
    if limit >= NEEDED_MEMORY:
        return Check("memory", "ok", told)
    return Check(
        "memory", "warning", told,
        f"Runs may be killed below {NEEDED_MEMORY // GIB} GiB; take a smaller recipe.",
    )  # fmt: skip


def _container_limit() -> int | None:
    """What a container may use, in bytes, if it says so."""
    limit = Path("/sys/fs/cgroup/memory.max")
    text = limit.read_text(encoding="utf-8").strip() if limit.exists() else "max"
    return int(text) if text.isdigit() else None


def _disk(folder: Path) -> Check:
    there = next(path for path in (folder.absolute(), *folder.absolute().parents) if path.exists())
    if not os.access(there, os.W_OK):
        return Check("disk", "failed", f"{there} may not be written to", "Give another --workdir.")
    free = shutil.disk_usage(there).free
    told = f"{free / GIB:.1f} GiB free at {there}"
    if free >= NEEDED_DISK:
        return Check("disk", "ok", told)
    return Check(
        "disk", "warning", told,
        "A run of a large corpus needs more; `textmill lineage gc` finds what can go.",
    )  # fmt: skip


def _packages() -> Iterator[Check]:
    """Whether what is installed is what Textmill asks for."""
    from importlib.metadata import PackageNotFoundError, requires, version

    from packaging.requirements import Requirement

    wrong = []
    wanted = [Requirement(text) for text in requires("textmill") or ()]
    for requirement in wanted:
        try:
            installed = version(requirement.name)
        except PackageNotFoundError:
            wrong.append(f"{requirement.name} is missing")
            continue
        if not requirement.specifier.contains(installed, prereleases=True):
            wrong.append(f"{requirement.name} {installed} is not {requirement.specifier}")
    if wrong:
        yield Check("packages", "failed", "; ".join(wrong), "Run `make setup`.")
    else:
        told = ", ".join(f"{name} {version(name)}" for name in ("tfx", "tensorflow"))
        yield Check("packages", "ok", f"{told} and {len(wanted) - 2} more as pinned")


def _temporary_files() -> Check:
    import resource
    import tempfile

    files, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    told = f"{files:,} open files, temporary files in {tempfile.gettempdir()}"
    if files < NEEDED_FILES:
        return Check("limits", "warning", told, f"Raise it: `ulimit -n {NEEDED_FILES}`.")
    return Check("limits", "ok", told)
