"""Check the sources for two rules of SECURITY.md: `python -m tests.check_sources` (make lint).

No code is loaded from data, and every file is written through core/storage.py, so that its handling
of full disks, renames and partial files covers every writer. Exit code 1 if a rule is broken.
"""

import ast
import re
import sys
from collections.abc import Iterator
from pathlib import Path

TOP = Path(__file__).parents[1]
PACKAGES = ("components", "core", "pipelines", "trainer", "docker")
# These run code from the data that they read, or unpack files to any path.
MODULES = {
    "pickle", "cPickle", "dill", "cloudpickle", "marshal", "shelve", "joblib", "jsonpickle",
    "tarfile", "zipfile",
}  # fmt: skip
CALLS = {"eval", "exec", "compile", "__import__", "os.system", "os.popen", "pty.spawn"}
UNSAFE_YAML = {
    "yaml.full_load", "yaml.unsafe_load", "yaml.full_load_all", "yaml.unsafe_load_all",
    "yaml.Loader", "yaml.FullLoader", "yaml.UnsafeLoader", "yaml.CLoader", "yaml.CFullLoader",
}  # fmt: skip
WHOLE_MODELS = {"load_model", "model_from_json", "unpickle", "read_pickle"}
SAFE_MODELS = {"fasttext.load_model"}  # a table of numbers, whose digest is checked

# Calls that write a file at a path.
WRITERS = {
    "shutil.copy", "shutil.copy2", "shutil.copyfile", "shutil.copyfileobj", "shutil.copytree",
    "shutil.move", "shutil.make_archive", "shutil.unpack_archive",
    "os.replace", "os.rename", "os.renames", "os.link", "os.symlink", "os.truncate", "os.mkfifo",
    "numpy.savetxt", "numpy.memmap", "tensorflow.io.write_file", "tensorflow.io.write_graph",
    "tensorflow.saved_model.save", "tensorflow.summary.create_file_writer",
    "tensorflow.io.gfile.copy", "tensorflow.io.gfile.rename", "tfx.dsl.io.fileio.copy",
    "tfx.dsl.io.fileio.rename", "tensorflow.profiler.experimental.start", "sqlite3.connect",
    "tempfile.mkstemp",
}  # fmt: skip
# The same, by the name of the method alone.
WRITING_METHODS = {
    "write_text", "write_bytes", "touch", "symlink_to", "hardlink_to", "tofile", "save_weights",
    "TFRecordWriter", "FileWriter", "CheckpointManager", "NamedTemporaryFile", "to_csv",
    "to_parquet", "write_table", "save_file", "Checkpoint", "copy_into", "extractall",
    "save_model", "open_memmap",
}  # fmt: skip
# PyArrow before 14.0.1 unpickles types that a file names. One function keeps it from that.
ARROW_READERS = ("pyarrow.parquet.", "pyarrow.ipc.", "pyarrow.feather.", "pyarrow.dataset.")
OPENS_PARQUET = "components/text_example_gen/reading/read_parquet.py"
# Those of models and datasets; the others in our sources return bytes or use core/storage.py.
OBJECT_SAVERS = {"save", "export"}
NO_SAVERS = {"safetensors.numpy.save", "checkpoints.save"}
SAVERS = {"numpy.save", "numpy.savez", "numpy.savez_compressed"}  # to a path or a buffer
OPENERS = {"open", "GFile", "fdopen"}
WRITING_MODE = re.compile(r"[rwaxbt+]*[wax+][rwaxbt+]*")
READING_FLAGS = {"O_RDONLY", "O_DIRECTORY", "O_NOFOLLOW", "O_CLOEXEC", "O_NONBLOCK"}
# What writes apart from core/storage.py, and why that is no part of an artifact or is covered.
ALLOWED = {
    "core/storage.py": "the one writer",
    "core/failpoints.py": "touch: a flag of the tests",
    "core/gcs/object_store.py": "NamedTemporaryFile: the content of an upload",
    "components/publisher/versions.py": "rename: publishes a whole version at once",
    "components/text_example_gen/reading/read_parquet.py": "open: a temporary copy of an object",
    "components/text_example_gen/vertex_driver.py": "fileio: a file that TFX's launcher expects",
    "pipelines/local/standard_input.py": "open: text from a pipe, in a temporary folder",
    "pipelines/local/store_care.py": "SQLite: the backup of the store, renamed when whole",
    "pipelines/metadata/mlmd/update.py": "SQLite: closes the executions of a killed run",
    "pipelines/metadata/read_store.py": "SQLite: its own rollback of a killed transaction",
    "pipelines/metadata/mlmd/store_copy.py": "SQLite: a copy of the store that is thrown away",
    "pipelines/spec_runner/processes/run_process.py": "open: the logs of tasks",
    "pipelines/spec_runner/processes/warm.py": "open: the logs of tasks",
    "pipelines/spec_runner/processes/warm_worker.py": "os.open: the log of a task",
    "pipelines/workdir.py": "open: a lock, and a probe whether the folder is writable",
    "trainer/export/serving.py": "TensorFlow: a SavedModel, before its manifest",
    "trainer/models/kernels/compilation.py": "os.open: /dev/null",
    "trainer/report/progress.py": "TensorFlow: TensorBoard's events",
}


def main() -> int:
    """Print every broken rule; return the exit code."""
    paths = [path for package in PACKAGES for path in sorted((TOP / package).rglob("*.py"))]
    problems, writing = [], set()
    for path in paths:
        name, source = path.relative_to(TOP).as_posix(), path.read_text(encoding="utf-8")
        problems += [
            f"{name}:{found}: loads code from data"
            for found in loads_code(source)
            if not (name == OPENS_PARQUET and "pyarrow.parquet" in found)
        ]
        writes = list(writes_files(source))
        writing |= {name} if writes else set()
        if name not in ALLOWED:
            problems += [f"{name}:{found}: write through core/storage.py" for found in writes]
    idle = sorted(ALLOWED.keys() - writing)
    problems += [f"{name}: writes nothing; remove it from ALLOWED" for name in idle]
    for problem in problems:
        print(problem)
    if not problems:
        print(f"{len(paths)} sources: none loads code from data, {len(ALLOWED)} may write files.")
    return int(bool(problems))


def loads_code(source: str) -> Iterator[str]:
    """Yield line and name of what runs code from data, or may."""
    tree = ast.parse(source)
    full_names = _full_names(tree)
    for node in ast.walk(tree):
        names = []
        if isinstance(node, ast.Import):
            names = [a.name for a in node.names if a.name.partition(".")[0] in MODULES]
        elif isinstance(node, ast.ImportFrom) and (node.module or "").partition(".")[0] in MODULES:
            names = [str(node.module)]
        elif isinstance(node, ast.Attribute) and ast.unparse(node) in UNSAFE_YAML:
            names = [ast.unparse(node)]
        elif isinstance(node, ast.Call):
            name = _full_name(node, full_names)
            names = [name] if _runs_code(node, name) else []
        for name in names:
            yield f"{node.lineno}: {name}"  # type: ignore[attr-defined]


def writes_files(source: str) -> Iterator[str]:
    """Yield line and name of each call that writes a file apart from core/storage.py."""
    tree = ast.parse(source)
    full_names = _full_names(tree)
    buffers = {
        ast.unparse(target)
        for node in ast.walk(tree)
        if isinstance(node, ast.Assign) and ast.unparse(node.value).startswith("io.BytesIO(")
        for target in node.targets
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and _writes(node, _full_name(node, full_names), buffers):
            yield f"{node.lineno}: {ast.unparse(node.func)}"


def _runs_code(call: ast.Call, name: str) -> bool:
    keywords = {keyword.arg: ast.unparse(keyword.value) for keyword in call.keywords}
    return (
        name in CALLS
        or (name.rpartition(".")[2] in WHOLE_MODELS and name not in SAFE_MODELS)
        or name == "torch.load"
        or name.startswith(ARROW_READERS)
        or (name in ("yaml.load", "yaml.load_all") and "Loader" not in keywords)
        or any(keywords.get(unsafe, "False") != "False" for unsafe in ("shell", "allow_pickle"))
    )


def _writes(call: ast.Call, name: str, buffers: set[str]) -> bool:
    owner, _, method = name.rpartition(".")
    if name in SAVERS:
        return ast.unparse(call.args[0]) not in buffers
    if name == "os.open":
        flags = set(re.findall(r"O_[A-Z]+", ast.unparse(call)))
        return not flags or not flags <= READING_FLAGS  # flags in a variable may be any
    if method in OPENERS:
        arguments = [*call.args, *(keyword.value for keyword in call.keywords)]
        modes = [str(a.value) for a in arguments if isinstance(a, ast.Constant)]
        return any(WRITING_MODE.fullmatch(mode) for mode in modes)
    # `path.replace(target)` and `path.rename(target)`; those of text and times take more.
    moves = method in ("replace", "rename") and owner and len(call.args) == 1 and not call.keywords
    writes = method in WRITING_METHODS and owner != "core.storage"
    saves = method in OBJECT_SAVERS and owner and name not in NO_SAVERS
    return bool(name in WRITERS or moves or writes or saves)


def _full_names(tree: ast.Module) -> dict[str, str]:
    """Return what each imported name stands for: `np` is `numpy`, `copy` may be `shutil.copy`."""
    full_names = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            full_names |= {a.asname: a.name for a in node.names if a.asname}
        elif isinstance(node, ast.ImportFrom):
            full_names |= {a.asname or a.name: f"{node.module}.{a.name}" for a in node.names}
    return full_names


def _full_name(call: ast.Call, full_names: dict[str, str]) -> str:
    first, dot, rest = ast.unparse(call.func).partition(".")
    return f"{full_names.get(first, first)}{dot}{rest}"


if __name__ == "__main__":
    sys.exit(main())
