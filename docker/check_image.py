"""Check an image while it is built: everything that the spec runs can be imported.

python check_image.py data pipeline.yaml
python check_image.py trainer
"""

import importlib
import shutil
import sys
from collections.abc import Iterator
from importlib import resources
from pathlib import Path

# Data files that a wheel may lack (package-data in pyproject.toml).
RESOURCES = {
    "pipelines": ("recipes/vertex.yaml", "machines/presets.yaml", "machines/prices.yaml",
                  "lineage/page/lineage.css"),
    "components.corpus_report": ("report.html.j2", "report.css"),
    "components.model_card": ("README.md.j2",),
}  # fmt: skip
# Modules that a custom job runs (components/vertex_trainer/executor.py).
TRAINER = ("trainer.__main__", "trainer.run_fn")


def main(kind: str, spec_file: str | None = None) -> None:
    """Exit with an error that names what is missing."""
    must(Path(sys.executable).name.startswith("python"), "sys.executable is not a Python")
    must(shutil.which("python") is not None, "python is not on the PATH")
    must(shutil.which("timeout") is not None, "timeout (coreutils) is not on the PATH")
    for package in ("core", "trainer", "components", "pipelines"):
        origin = importlib.import_module(package).__file__ or ""
        must("site-packages" in origin, f"{package} is not installed but comes from {origin}")
    for package, names in RESOURCES.items():
        for name in names:
            exists = resources.files(package).joinpath(*name.split("/")).is_file()
            must(exists, f"{package}/{name} is not in the wheel")
    for module in TRAINER:
        importlib.import_module(module)
    imports = list(spec_imports(spec_file)) if spec_file else []
    for name in imports:
        module, _, attribute = name.partition(":")
        must(hasattr(importlib.import_module(module), attribute or "__name__"), f"no {name}")
    must(not spec_file or len(imports) > 10, f"{spec_file} names only {len(imports)} modules")
    print(f"{kind}: {len(imports)} names of the spec can be imported")


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
