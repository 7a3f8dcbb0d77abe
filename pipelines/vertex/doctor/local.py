"""Check this machine: Python, processor, memory, disk, packages and limits."""

import os
import platform
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

from core.format_numbers import format_count
from pipelines.machines.local import host_memory
from pipelines.vertex.doctor.check import Check

GIB = 1 << 30
PYTHONS = ((3, 11), (3, 13))  # the locks are for these: the older and the newer line
NEEDED_MEMORY_BYTES = 4 * GIB  # the demo uses 2 GiB, and TFX alone 1 GiB
NEEDED_DISK_BYTES = 5 * GIB  # artifacts of a small corpus, checkpoints and a model
NEEDED_OPEN_FILES = 1024
WITHDRAWN_AIPLATFORM = "2.0.0"  # no longer on the package index; 2.0.1 followed


def local_checks(folder: Path) -> Iterator[Check]:
    """Check this machine, including the disk of the folder where runs would be stored."""
    yield _check_python()
    yield _check_processor()
    yield _check_memory()
    yield _check_disk(folder)
    yield _check_packages()
    yield _check_limits()


def _check_python() -> Check:
    version = platform.python_version()
    if sys.version_info[:2] in PYTHONS:
        return Check("python", "ok", version)
    wanted = " and ".join(f"{major}.{minor}" for major, minor in PYTHONS)
    message = f"{version}; the pinned packages are for {wanted}"
    return Check("python", "warning", message, "Run `make setup`, which downloads the right one.")


def _check_processor() -> Check:
    machine, cores = platform.machine(), len(os.sched_getaffinity(0))
    message = f"{machine}, {format_count(cores, 'core', 'cores')}"
    if machine != "x86_64":
        remedy = "TFX and ml-metadata have wheels for x86-64 Linux only. Use such a machine."
        return Check("processor", "failed", message, remedy)
    cpu_info = Path("/proc/cpuinfo")
    if cpu_info.exists() and " avx " not in cpu_info.read_text(encoding="utf-8"):
        remedy = "TensorFlow crashes with `Illegal instruction`. Use a processor with AVX."
        return Check("processor", "failed", f"{message}, without AVX", remedy)
    return Check("processor", "ok", message)


def _check_memory() -> Check:
    limit = host_memory()
    message = f"{limit / GIB:.1f} GiB"
    if limit >= NEEDED_MEMORY_BYTES:
        return Check("memory", "ok", message)
    remedy = f"Runs may be killed below {NEEDED_MEMORY_BYTES // GIB} GiB. Use a smaller recipe."
    return Check("memory", "warning", message, remedy)


def _check_disk(folder: Path) -> Check:
    folder = folder.absolute()
    existing = next(path for path in (folder, *folder.parents) if path.exists())
    if not os.access(existing, os.W_OK):
        return Check("disk", "failed", f"{existing} is not writable", "Pass another --workdir.")
    free = shutil.disk_usage(existing).free
    message = f"{free / GIB:.1f} GiB free at {existing}"
    if free >= NEEDED_DISK_BYTES:
        return Check("disk", "ok", message)
    remedy = "A large corpus needs more; `textmill lineage gc` finds what can be deleted."
    return Check("disk", "warning", message, remedy)


def _check_packages() -> Check:
    from importlib.metadata import PackageNotFoundError, requires, version

    from packaging.requirements import Requirement

    problems = []
    declared = map(Requirement, requires("textmill") or ())
    # A marker names the line (Python 3.11 or 3.13) that a requirement belongs to.
    requirements = [item for item in declared if item.marker is None or item.marker.evaluate()]
    for requirement in requirements:
        try:
            installed = version(requirement.name)
        except PackageNotFoundError:
            problems.append(f"{requirement.name} is missing")
            continue
        if not requirement.specifier.contains(installed, prereleases=True):
            problems.append(f"{requirement.name} {installed} is not {requirement.specifier}")
    if problems:
        return Check("packages", "failed", "; ".join(problems), "Run `make setup`.")
    if version("google-cloud-aiplatform") == WITHDRAWN_AIPLATFORM:
        message = f"google-cloud-aiplatform {WITHDRAWN_AIPLATFORM} is installed; it was withdrawn"
        return Check("packages", "warning", message, "Run `make setup`, or install a later 2.x.")
    named = ", ".join(f"{name} {version(name)}" for name in ("tfx", "tensorflow"))
    return Check("packages", "ok", f"{named} and {len(requirements) - 2} others as required")


def _check_limits() -> Check:
    import resource
    import tempfile

    files, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    message = f"{files:,} open files; temporary files in {tempfile.gettempdir()}"
    if files < NEEDED_OPEN_FILES:
        return Check("limits", "warning", message, f"Raise it: `ulimit -n {NEEDED_OPEN_FILES}`.")
    return Check("limits", "ok", message)
