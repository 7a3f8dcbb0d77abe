"""Run scripts in forks of this process, which has loaded PyTorch and `transformers`.

usage: python transformers_server.py LISTENER

LISTENER is the number of an open socket. Run by the Python that has both, for
tests/transformers_scripts.py; loading them takes longer than most scripts compute.
"""

import gc
import json
import multiprocessing
import os
import runpy
import socket
import socketserver
import sys
from pathlib import Path

from transformers import (  # noqa: F401 - what the scripts use
    AlbertForPreTraining,
    AutoTokenizer,
    BertForPreTraining,
    ElectraForPreTraining,
)

_context = multiprocessing.get_context("fork")


class Server(socketserver.ForkingMixIn, socketserver.UnixStreamServer):
    """Takes each connection in a fork."""


class Run(socketserver.StreamRequestHandler):
    """Runs a script, and answers with its exit code."""

    def handle(self) -> None:
        """Serve a connection."""
        process = _context.Process(target=run, kwargs=json.loads(self.rfile.readline()))
        process.start()
        process.join()
        self.wfile.write(f"{process.exitcode}\n".encode())


def run(words: list[str], folder: str, output: str, errors: str) -> None:
    """Be the script, in a folder, with files for what it prints."""
    for path, stream in (output, sys.stdout), (errors, sys.stderr):
        os.dup2(os.open(path, os.O_WRONLY), stream.fileno())
    os.chdir(folder)
    sys.argv = words
    sys.path[0] = str(Path(words[0]).parent)
    runpy.run_path(words[0], run_name="__main__")


if __name__ == "__main__":
    server = Server("", Run, bind_and_activate=False)
    server.socket.close()
    server.socket = socket.socket(fileno=int(sys.argv[1]))
    gc.freeze()  # collections in a fork would copy all objects
    server.serve_forever()
