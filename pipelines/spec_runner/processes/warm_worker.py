"""Import TFX once, then fork for each command; `warm` starts this process.

Requests and answers are lines of JSON on a socket:

    -> {"module": …, "arguments": […], "environment": {…}, "folder": …, "log": …}
    <- {"pid": 123}     the process that runs the command; it leads a process group
    <- {"code": 0}      its exit code
"""

import importlib
import json
import logging
import os
import runpy
import signal
import socket
import sys
import traceback
import warnings
from typing import Any

from core.loading import loading_libraries


def main() -> None:
    """Import the modules and serve the socket that the command line names."""
    number, *modules = sys.argv[1:]
    with socket.socket(fileno=int(number)) as connection:
        stream = connection.makefile("rw", encoding="utf-8")
        with warnings.catch_warnings(), loading_libraries():
            warnings.simplefilter("ignore")
            for module in modules:
                importlib.import_module(module)
        for line in stream:
            request = json.loads(line)
            pid = os.fork()
            if pid == 0:
                connection.close()
                os._exit(_run(request))
            _send(stream, {"pid": pid})
            _, status = os.waitpid(pid, 0)
            _send(stream, {"code": os.waitstatus_to_exitcode(status)})


def _send(stream: Any, content: dict[str, int]) -> None:
    stream.write(json.dumps(content) + "\n")
    stream.flush()


def _run(request: dict[str, Any]) -> int:
    """Act as `python -m module`; return the exit code."""
    os.setsid()
    signal.signal(signal.SIGINT, signal.default_int_handler)
    log = os.open(request["log"], os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
    nothing = os.open(os.devnull, os.O_RDONLY)
    for source, target in ((nothing, 0), (log, 1), (log, 2)):
        os.dup2(source, target)
    os.environ.clear()
    os.environ.update(request["environment"])
    os.chdir(request["folder"])
    sys.argv = [request["module"], *request["arguments"]]
    warnings.filterwarnings("ignore", message=".*found in sys.modules after import", module="runpy")
    code = 0
    try:
        runpy.run_module(request["module"], run_name="__main__", alter_sys=True)
    except SystemExit as ended:
        code = ended.code if isinstance(ended.code, int) else int(ended.code is not None)
    except BaseException:
        traceback.print_exc()
        code = 1
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        logging.shutdown()
    return code


if __name__ == "__main__":
    main()
