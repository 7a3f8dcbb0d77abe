"""A libtpu that does not fit TensorFlow is refused with a sentence, before TensorFlow aborts."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from trainer.devices import libtpu
from trainer.devices.libtpu import LibtpuError, check_libtpu

# The beginning of PJRT_Api, and a library that dies where it may not load as a check.
LIBRARY = """
#include <stddef.h>
#include <stdlib.h>
static const struct { size_t size; void *more; size_t size2; void *more2; int major, minor; }
  api = {sizeof api, 0, 24, 0, 0, MINOR};
__attribute__((constructor)) static void load(void) {
  if (!getenv("TPU_SKIP_MDS_QUERY")) abort();
}
const void *GetPjrtApi(void) { return &api; }
"""


def build(folder: Path, minor: int) -> str:
    """Compile a library that has a version of PJRT; return its path."""
    compiler = shutil.which("cc")
    if compiler is None:
        pytest.skip("no C compiler")
    source, library = folder / "libtpu.c", folder / f"libtpu-{minor}.so"
    source.write_text(LIBRARY)
    options = ["-shared", "-fPIC", f"-DMINOR={minor}", "-o", str(library), str(source)]
    subprocess.run([compiler, *options], check=True)
    return str(library)


def test_a_libtpu_that_fits_is_accepted(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    ours = libtpu._tensorflow_version()
    monkeypatch.setenv("TPU_LIBRARY_PATH", build(tmp_path, int(ours.partition(".")[2])))
    assert check_libtpu() == ours


def test_a_libtpu_that_does_not_fit_is_refused(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("TPU_LIBRARY_PATH", build(tmp_path, 116))
    with pytest.raises(LibtpuError, match=r"libtpu-116.so has PJRT 0\.116.*trainer-tpu\.txt"):
        check_libtpu()
    command = [sys.executable, "-m", "trainer.devices.libtpu"]  # as an image's build checks it
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    assert ended.returncode == 2
    assert "has PJRT 0.116" in ended.stderr
    assert "Traceback" not in ended.stderr


def test_a_library_that_cannot_be_loaded_is_refused(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    broken = tmp_path / "libtpu.so"
    broken.write_bytes(b"no library")
    monkeypatch.setenv("TPU_LIBRARY_PATH", str(broken))
    with pytest.raises(LibtpuError, match=r"libtpu\.so cannot be loaded"):
        check_libtpu()


def test_without_libtpu_there_is_nothing_to_check(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TPU_LIBRARY_PATH", raising=False)
    assert check_libtpu() is None
