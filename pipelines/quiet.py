"""Send the log messages of libraries to a file, and keep the terminal for Textmill."""

import logging
import os
import warnings
from pathlib import Path

import absl.logging

# TensorFlow's C++ log level: 0 all, 1 no INFO, 2 no WARNING, 3 no ERROR. Without a GPU it prints
# harmless errors about missing CUDA libraries.
TF_LOG_LEVEL = "TF_CPP_MIN_LOG_LEVEL"


def hush(verbose: bool) -> None:
    """Silence libraries, unless `verbose` is set; call this before they are imported."""
    if verbose:
        return
    os.environ.setdefault(TF_LOG_LEVEL, "3")
    os.environ.setdefault("GRPC_VERBOSITY", "ERROR")
    # With an explicit value, the tokenizers library does not warn when processes are forked.
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "true")
    os.environ.setdefault("PYTHONWARNINGS", "ignore::FutureWarning")  # in processes that it starts
    warnings.filterwarnings("ignore", module=r"(google|tfx|tensorflow|apache_beam|absl)(\.|$)")
    logging.captureWarnings(True)
    absl.logging.set_verbosity(absl.logging.ERROR)  # TFX warns about its own resolvers' queries


def log_to(path: Path, verbose: bool) -> None:
    """Write log messages of level INFO and above to a file, and to the terminal if `verbose`.

    Call this after TFX is imported, because absl then replaces the root logger's handlers.
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
    tensorflow = logging.getLogger("tensorflow")  # its own handler prints on the terminal
    tensorflow.handlers.clear()
    tensorflow.propagate = True
