"""What importing core loads."""

import subprocess
import sys
from pathlib import Path

CORE = Path(__file__).parents[2] / "core"
FORBIDDEN = {"tensorflow", "tfx", "apache_beam", "ml_metadata", "trainer", "components"}


def test_core_imports_neither_tensorflow_nor_tfx_nor_beam() -> None:
    paths = [path.relative_to(CORE.parent) for path in CORE.rglob("*.py")]
    modules = sorted(
        str(p.with_suffix("")).replace("/", ".").removesuffix(".__init__") for p in paths
    )
    program = f"import sys, {', '.join(modules)}; print(*sys.modules)"
    loaded = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert "core.vocabulary.vocabulary" in modules
    assert not FORBIDDEN & {name.partition(".")[0] for name in loaded.stdout.split()}
