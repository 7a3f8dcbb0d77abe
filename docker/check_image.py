"""An image, checked while it is built: all that the spec calls is there and can be imported.

python check_image.py data pipeline.yaml
python check_image.py trainer
"""

import importlib
import shutil
import sys
from collections.abc import Iterator
from importlib import resources
from pathlib import Path
from typing import Any

# Files beside the code that a wheel may lack (pyproject.toml, package-data).
RESOURCES = {
    "pipelines": ("recipes/vertex.yaml", "machines/presets.yaml", "machines/prices.yaml",
                  "lineage/page/lineage.css"),
    "components.corpus_report": ("report.html.j2", "report.css"),
    "components.model_card": ("README.md.j2",),
}  # fmt: skip
# What a custom job runs (components/vertex_trainer/executor.py).
TRAINER = ("tfx.scripts.run_executor", "components.phased_trainer.executor", "trainer.run_fn")


def main(kind: str, spec_file: str | None = None) -> None:
    """Ends with an error that names what is missing."""
    must(Path(sys.executable).name.startswith("python"), "this interpreter is no Python")
    must(shutil.which("python") is not None, "python is not on the PATH")
    must(shutil.which("timeout") is not None, "timeout (coreutils) is not on the PATH")
    for package in ("core", "trainer", "components", "pipelines"):
        origin = importlib.import_module(package).__file__ or ""
        must("site-packages" in origin, f"{package} is not installed but comes from {origin}")
    for package, names in RESOURCES.items():
        for name in names:
            found = resources.files(package).joinpath(*name.split("/")).is_file()
            must(found, f"{package}/{name} is not in the wheel")
    for module in TRAINER:
        importlib.import_module(module)
    count = 0
    if spec_file:
        for name in called(spec_file):
            module, _, attribute = name.partition(":")
            must(hasattr(importlib.import_module(module), attribute or "__name__"), f"no {name}")
            count += 1
        must(count > 10, f"{spec_file} names {count} things only")
    print(f"{kind}: {count} names of the spec can be imported")


def called(spec_file: str) -> Iterator[str]:
    """What the spec's containers call: modules, and "module:class" of executors."""
    import yaml

    spec = yaml.safe_load(Path(spec_file).read_text(encoding="utf-8"))
    for executor in spec["deploymentSpec"]["executors"].values():
        container: dict[str, Any] | None = executor.get("container")
        if container is None:
            continue
        hooks = [hook["command"] for hook in container.get("lifecycle", {}).values()]
        for command in (container["command"], *hooks):
            yield command[command.index("-m") + 1]
        arguments = container["args"]
        path = arguments[arguments.index("--executor_class_path") + 1]
        yield ":".join(path.rsplit(".", 1))


def must(holds: bool, otherwise: str) -> None:
    """Ends the build unless it holds."""
    if not holds:
        sys.exit(f"check_image: {otherwise}")


if __name__ == "__main__":
    main(*sys.argv[1:])
