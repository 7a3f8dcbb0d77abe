"""Check an image while it is built: all that the spec runs can be imported, and nothing else came.

python check_image.py data pipeline.yaml
python check_image.py trainer                # or trainer-tpu
python check_image.py files pipeline.yaml    # prints the source files of everything imported
"""

import importlib
import os
import shutil
import sys
from collections.abc import Iterator
from importlib import resources, util
from pathlib import Path

# Data files that a wheel may lack (package-data in pyproject.toml).
RESOURCES = {
    "pipelines": ("recipes/vertex.yaml", "machines/presets.yaml", "machines/prices.yaml",
                  "lineage/page/lineage.css"),
    "components.corpus_report": ("report.html.j2", "report.css"),
    "components.model_card": ("README.md.j2",),
}  # fmt: skip
PACKAGES = ("core", "trainer", "components", "pipelines")
# Modules that every training job runs, and those that tasks of the spec import while they run.
TRAINER = ("trainer.__main__", "trainer.run_fn", "tensorflow_text", "google.cloud.storage")
TASKS = ("components.phased_trainer.executor", "google.cloud.aiplatform_v1", "tf_keras",
         "tfx.extensions.google_cloud_ai_platform.runner", "tfx.scripts.run_executor")  # fmt: skip
# What no image may hold: notebooks (requirements/image-excludes.txt), and compilers.
NOTEBOOKS = ("ipywidgets", "IPython", "jupyterlab", "notebook", "jupyter_server", "ipykernel")
COMPILERS = ("cc", "c++", "gcc", "g++", "clang", "ld", "make")


def main(kind: str, spec_file: str | None = None) -> None:
    """Exit with an error that names what is missing, or what is too much."""
    must(Path(sys.executable).name.startswith("python"), "sys.executable is not a Python")
    for program in ("python", "timeout"):  # timeout: from coreutils
        must(shutil.which(program) is not None, f"{program} is not on the PATH")
    for package in PACKAGES:
        origin = importlib.import_module(package).__file__ or ""
        must("site-packages" in origin, f"{package} is not installed but comes from {origin}")
    for package, names in RESOURCES.items():
        for name in names:
            exists = resources.files(package).joinpath(*name.split("/")).is_file()
            must(exists, f"{package}/{name} is not in the wheel")
    for module in (*TRAINER, *(TASKS if spec_file else ())):
        importlib.import_module(module)
    imports = list(spec_imports(spec_file)) if spec_file else []
    for name in imports:
        module, _, attribute = name.partition(":")
        must(hasattr(importlib.import_module(module), attribute or "__name__"), f"no {name}")
    must(not spec_file or len(imports) > 10, f"{spec_file} names only {len(imports)} modules")
    if kind == "files":
        print(*imported_files(), sep="\n")
        return
    check_absent(kind)
    print(f"{kind}: {len(imports)} names of the spec can be imported")


def imported_files() -> list[str]:
    """Return the source file of each module that was imported, and of each of ours."""
    files = [Path(getattr(module, "__file__", None) or "") for module in sys.modules.values()]
    for name in PACKAGES:
        files += Path(sys.modules[name].__file__ or "").parent.rglob("*.py")
    installed = {str(file) for file in files if "site-packages" in file.parts}
    return sorted(file for file in installed if file.endswith(".py"))


def check_absent(kind: str) -> None:
    """Check that the image has no notebook and no compiler, and does not run as root."""
    for module in (*NOTEBOOKS, *(("tfx",) if kind.startswith("trainer") else ())):
        must(util.find_spec(module) is None, f"{module} is installed, but no task imports it")
    for program in COMPILERS:
        must(shutil.which(program) is None, f"{program} is in the image")
    # Dataflow mounts the folders that its workers write to as root, and TPUs belong to root.
    is_root = kind in ("dataflow", "trainer-tpu")
    must(is_root or os.getuid() != 0, "the image runs as root")


def spec_imports(spec_file: str) -> Iterator[str]:
    """Yield what the spec's containers run: a module, or "module:class" of an executor."""
    import yaml

    spec = yaml.safe_load(Path(spec_file).read_text(encoding="utf-8"))
    for executor in spec["deploymentSpec"]["executors"].values():
        container = executor.get("container")
        if container is None:
            continue
        hooks = [hook["command"] for hook in container.get("lifecycle", {}).values()]
        for command in (container["command"], *hooks):
            yield command[command.index("-m") + 1]
        arguments = container["args"]
        path = arguments[arguments.index("--executor_class_path") + 1]
        yield ":".join(path.rsplit(".", 1))


def must(condition: bool, message: str) -> None:
    """Stop the build with a message unless the condition holds."""
    if not condition:
        sys.exit(f"check_image: {message}")


if __name__ == "__main__":
    main(*sys.argv[1:])
