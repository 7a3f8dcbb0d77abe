"""Chatter of libraries to a log file: the terminal shows what Textmill says, and errors."""

import logging
import os
import warnings
from pathlib import Path

import absl.logging

# What TensorFlow's C++ prints: 0 all, 1 no INFO, 2 no WARNING, 3 no ERROR. On machines without a
# GPU it prints errors about missing CUDA libraries that mean nothing.
TF_LOG_LEVEL = "TF_CPP_MIN_LOG_LEVEL"


def hush(verbose: bool) -> None:
    """Quietens libraries; call it before they are imported.

    Args:
        verbose: leave everything as it is.
    """
    if verbose:
        return
    os.environ.setdefault(TF_LOG_LEVEL, "3")
    os.environ.setdefault("GRPC_VERBOSITY", "ERROR")
    # Said aloud, the tokenizers library does not warn that Beam starts processes after it.
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "true")
    os.environ.setdefault("PYTHONWARNINGS", "ignore::FutureWarning")  # of Beam's worker processes
    warnings.filterwarnings("ignore", module=r"(google|tfx|tensorflow|apache_beam|absl)(\.|$)")
    logging.captureWarnings(True)
    absl.logging.set_verbosity(absl.logging.ERROR)  # TFX warns of each query of its own resolvers


def log_to(path: Path, verbose: bool) -> None:
    """Sends what libraries log to a file, INFO and above, and to the terminal if `verbose`.

    Call it after TFX is imported: absl replaces the root logger's handlers when it is.
    """
    root = logging.getLogger()
    for handler in list(root.handlers):
        root.removeHandler(handler)
    handlers: list[logging.Handler] = [logging.FileHandler(path, encoding="utf-8")]
    if verbose:
        handlers.append(logging.StreamHandler())
    for handler in handlers:
        handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
        root.addHandler(handler)
    root.setLevel(logging.INFO)
    logging.getLogger("absl").setLevel(logging.INFO)
    tensorflow = logging.getLogger("tensorflow")  # has a handler of its own, for the terminal
    tensorflow.handlers.clear()
    tensorflow.propagate = True
