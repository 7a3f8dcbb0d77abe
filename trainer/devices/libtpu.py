"""Check that libtpu fits TensorFlow: one that does not fit aborts the process without an error.

`python -m trainer.devices.libtpu` checks an image while it is built.
"""

import importlib.util
import os
import re
import subprocess
import sys
from pathlib import Path

from core.errors import InputError
from core.exit import exit_with_sentence

_HEADER = "include/xla/pjrt/c/pjrt_c_api.h"  # of the PJRT that TensorFlow was compiled with
TPU_NAME = "TPU_NAME"  # environment: a TPU's name or address, or "local" on a TPU VM
# libtpu asks the machine's metadata service while it loads, for minutes where there is none.
_SKIP_METADATA = {"TPU_SKIP_MDS_QUERY": "1"}
# PJRT_Api begins with its size, a pointer, and PJRT_Api_Version: size, pointer, major, minor.
_PRINT_VERSION = """
import ctypes, sys
class Api(ctypes.Structure):
    _fields_ = [("head", ctypes.c_size_t * 4), ("major", ctypes.c_int), ("minor", ctypes.c_int)]
library = ctypes.CDLL(sys.argv[1])
library.GetPjrtApi.restype = ctypes.POINTER(Api)
api = library.GetPjrtApi().contents
print(f"{api.major}.{api.minor}")
"""


class LibtpuError(InputError):
    """A libtpu that does not fit TensorFlow."""


def is_tpu_chosen(device: str) -> bool:
    """Say whether a run with this setting trains on a TPU."""
    return device == "tpu" or (device == "auto" and bool(os.environ.get(TPU_NAME)))


def check_libtpu() -> str | None:
    """Compare libtpu's version of PJRT with TensorFlow's, without importing either.

    Returns:
        The version that both have, or None if libtpu is not installed.

    Raises:
        LibtpuError: they differ, or libtpu cannot be loaded.
    """
    library = _find_libtpu()
    if library is None:
        return None
    libtpu, tensorflow = _libtpu_version(library), _tensorflow_version()
    if libtpu != tensorflow:
        raise LibtpuError(
            f"{library} has PJRT {libtpu}, but the installed TensorFlow was built with PJRT "
            f"{tensorflow} and would abort. Install both by requirements/trainer-tpu.txt."
        )
    return libtpu


def _find_libtpu() -> Path | None:
    """Return the library that TensorFlow would load: TPU_LIBRARY_PATH, or the installed wheel's."""
    if path := os.environ.get("TPU_LIBRARY_PATH"):
        return Path(path)
    folder = _package_folder("libtpu")
    return folder / "libtpu.so" if folder else None


def _libtpu_version(library: Path) -> str:
    """Return the version in another process, which a library may abort."""
    process = subprocess.run(  # noqa: S603 - fixed arguments, no shell
        [sys.executable, "-c", _PRINT_VERSION, str(library)],
        env={**os.environ, **_SKIP_METADATA},
        capture_output=True,
        text=True,
        check=False,
    )
    if process.returncode != 0:
        reason = (process.stderr.strip() or f"exit code {process.returncode}").splitlines()[-1]
        raise LibtpuError(
            f"{library} cannot be loaded ({reason}). Install requirements/trainer-tpu.txt."
        )
    return process.stdout.split()[-1]


def _tensorflow_version() -> str:
    folder = _package_folder("tensorflow")
    header = folder / _HEADER if folder else None
    if header is None or not header.is_file():
        raise LibtpuError(
            f"libtpu is installed, but there is no TensorFlow for TPUs ({header}). Install "
            f"requirements/trainer-tpu.txt."
        )
    text = header.read_text(encoding="utf-8")
    parts = [re.search(rf"#define PJRT_API_{part} (\d+)", text) for part in ("MAJOR", "MINOR")]
    return ".".join(part[1] for part in parts if part)


def _package_folder(name: str) -> Path | None:
    spec = importlib.util.find_spec(name)
    if spec is None or not spec.submodule_search_locations:
        return None
    return Path(spec.submodule_search_locations[0])


if __name__ == "__main__":
    with exit_with_sentence():
        version = check_libtpu()
    print(f"libtpu and TensorFlow have PJRT {version}" if version else "libtpu is not installed")
