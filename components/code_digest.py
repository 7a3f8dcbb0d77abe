"""Digest source code, so that TFX's cache notices edits.

TFX's cache key has an executor's class path but not its code, so the results of an edited executor
would come from the cache (tfx/orchestration/portable/cache_utils.py). So each component of ours has
this digest as an execution property.
"""

import ast
import contextlib
import contextvars
import functools
import hashlib
import importlib.metadata
import importlib.util
import platform
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from core.provenance import image_digest

OUR_PACKAGES = ("components", "core", "pipelines", "trainer")
# New versions of these may change the bytes that a component writes.
LIBRARIES = (
    "isal",
    "numpy",
    "pyarrow",
    "rensa",
    "sentencepiece",
    "sentencex",
    "tensorflow",
    "tfx",
    "tfx-bsl",
    "tokenizers",
)
RESOURCE_ENDINGS = (".css", ".j2", ".js", ".pbtxt")
# What the data image installs (docker/Dockerfile); a wheel has no lock.
IMAGE_LOCK = Path(__file__).parents[1] / "requirements/newer/textmill.txt"
IMAGE_PYTHON = "3.13"
# Of the digits of a digest, those of our code; the others are of the environment that runs it.
CODE_DIGITS = 8
_is_for_images = contextvars.ContextVar("_is_for_images", default=False)


@contextlib.contextmanager
def digests_for_images() -> Iterator[None]:
    """Digest the code as it runs in the images, so that every machine compiles the same spec."""
    token = _is_for_images.set(True)
    try:
        yield
    finally:
        _is_for_images.reset(token)


def code_digest(module: str) -> str:
    """Return 16 hex digits for a module and all our modules that it imports, even indirectly.

    The first `CODE_DIGITS` are of the code, including imports inside functions, and templates and
    schemas next to the modules. The others are of its environment: the versions of Python and of
    the libraries in `LIBRARIES`, which are those of this process, or those of the images within
    `digests_for_images`. In a container they include the image, which has parts without a Python
    version, such as CUDA.
    """
    return _digest(module, _image_versions() if _is_for_images.get() else _versions_here())


@functools.cache
def _digest(module: str, versions: str) -> str:
    code = hashlib.sha256()
    for name in sorted(source_closure(module)):
        code.update(f"{name}\0".encode())
        for path in _list_module_files(name):
            code.update(path.read_bytes())
    environment = hashlib.sha256(versions.encode())
    return code.hexdigest()[:CODE_DIGITS] + environment.hexdigest()[: 16 - CODE_DIGITS]


def _versions_here() -> str:
    image = [f"image={image_digest()}"] if image_digest() else []
    return "\0".join([*_installed_versions(), *image])


@functools.cache
def _installed_versions() -> tuple[str, ...]:
    python = ".".join(platform.python_version_tuple()[:2])
    return f"python={python}", *(f"{name}={importlib.metadata.version(name)}" for name in LIBRARIES)


@functools.cache
def _image_versions() -> str:
    if not IMAGE_LOCK.is_file():  # in an image itself
        return _versions_here()
    pins = dict(re.findall(r"^([a-z0-9-]+)==(\S+)", IMAGE_LOCK.read_text(encoding="utf-8"), re.M))
    return "\0".join([f"python={IMAGE_PYTHON}", *(f"{name}={pins[name]}" for name in LIBRARIES)])


def executor_digest(component: Any) -> str:
    """Return the digest of a component class's executor and of all our code that it imports."""
    return code_digest(component.EXECUTOR_SPEC.executor_class.__module__)


def source_closure(module: str) -> set[str]:
    """Return the names of our modules that a module needs, including itself and its packages."""
    closure: set[str] = set()
    looked_up: set[str] = set()
    pending = [module]
    while pending:
        name = pending.pop()
        if name in looked_up:
            continue
        looked_up.add(name)
        path = _source_path(name)
        if path is None:
            continue
        closure.add(name)
        pending.extend(_imports(path.read_bytes()))
        pending.append(name.rpartition(".")[0])
    return closure


@functools.cache  # most components need the same modules, and parsing takes almost all the time
def _imports(source: bytes) -> tuple[str, ...]:
    """Return our modules that a source imports; `from a import b` yields a and a.b."""
    names: list[str] = []
    for node in _statements(ast.parse(source)):
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names += [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
    return tuple(name for name in names if name.partition(".")[0] in OUR_PACKAGES)


def _statements(block: ast.AST) -> Iterator[ast.AST]:
    """Yield all statements in a block, but not their expressions, which `ast.walk` goes through."""
    for part in ("body", "orelse", "finalbody", "handlers", "cases"):
        for node in getattr(block, part, ()):
            yield node
            yield from _statements(node)


def _list_module_files(module: str) -> list[Path]:
    """Return the module's source; for a package also the templates and schemas in its folder."""
    path = _source_path(module)
    if path is None:
        return []
    if path.name != "__init__.py":
        return [path]
    resources = [p for p in path.parent.iterdir() if p.suffix in RESOURCE_ENDINGS]
    return [path, *sorted(resources)]


def _source_path(module: str) -> Path | None:
    """Return the path of a module's source; None if the name is not one of our modules."""
    top, _, rest = module.partition(".")
    if top not in OUR_PACKAGES:
        return None
    spec = importlib.util.find_spec(top)
    if spec is None or spec.origin is None:
        return None
    base = Path(spec.origin).parent.joinpath(*rest.split(".")) if rest else Path(spec.origin).parent
    for path in (base.with_suffix(".py"), base / "__init__.py"):
        if path.is_file():
            return path
    return None
