"""Run scripts by the Python that has PyTorch and `transformers`, an environment of its own.

With --forks, the scripts of all files run in forks of one process (tests/transformers_server.py).
"""

import json
import os
import socket
import subprocess
import tempfile
from pathlib import Path

import pytest

from tests.programs import end_with_parent

ROOT = Path(__file__).parents[1]
PYTHON = Path(
    os.environ.get("TEXTMILL_TRANSFORMERS_PYTHON", ROOT / ".venv-transformers/bin/python")
)
SERVER = Path(__file__).with_name("transformers_server.py")

_address = ""  # of the server, if one was started


def run_script(script: Path, *arguments: str, folder: Path | None = None) -> str:
    """Return what a script prints, offline, in a folder; skip the test without the environment."""
    if not PYTHON.exists():
        pytest.skip(f"{PYTHON} is not there: make transformers")
    words = [str(script), *arguments]
    with tempfile.TemporaryDirectory() as scratch:
        output, errors = Path(scratch, "output"), Path(scratch, "errors")
        with output.open("w") as out, errors.open("w") as err:
            if _address:
                given = {"words": words, "folder": str(folder or Path.cwd())}
                code = _ask(given | {"output": str(output), "errors": str(errors)})
            else:
                command = [str(PYTHON), *words]
                code = subprocess.run(
                    command, cwd=folder, env=_environment(), stdout=out, stderr=err, check=False
                ).returncode
        assert code == 0, errors.read_text(encoding="utf-8")
        return output.read_text(encoding="utf-8")


def start_server() -> int:
    """Start the server, for this process and all its later forks; return its pid."""
    global _address  # noqa: PLW0603 - forks find it there
    _address = tempfile.mkdtemp(prefix="transformers-") + "/socket"
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(_address)
        listener.listen()
        pid = os.fork()
        if pid == 0:
            end_with_parent()
            os.set_inheritable(listener.fileno(), True)
            command = [str(PYTHON), str(SERVER), str(listener.fileno())]
            os.execve(PYTHON, command, _environment())
    return pid


def _ask(given: dict[str, object]) -> int:
    with socket.socket(socket.AF_UNIX) as connection:
        connection.connect(_address)
        connection.sendall(json.dumps(given).encode() + b"\n")
        with connection.makefile() as answer:
            return int(answer.readline())


def _environment() -> dict[str, str]:
    return {**os.environ, "HF_HUB_OFFLINE": "1", "PYTHONPATH": ""}
