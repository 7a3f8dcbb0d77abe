"""Run Textmill and write its real output, figures and pictures to docs/assets.

    python -m docs.tools.assets [PART ...]     # parts: demo, others, vertex; default: all

Takes some ten minutes on 2 cores. Runs the demo (once again from the cache, and once with another
learning rate), the tiny ALBERT and ELECTRA, and the commands for Vertex AI against the test server.
"""

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

from docs.tools.operating_output import operating_output
from docs.tools.textmill import TOP, textmill
from docs.tools.vertex_output import vertex_output

ASSETS = TOP / "docs" / "assets"
# Commands run here, so that the paths they print are those of a reader in a clone.
FOLDER = TOP / "work" / "docs-assets"
DEMO = ("--text", "work/demo/text", "--workdir", "work/demo")
SENTENCE = "The name of the [MASK] is bound in the local namespace."
FILL_MASK = """
import sys
from transformers import pipeline
fill = pipeline("fill-mask", model=sys.argv[1])
for guess in fill(sys.argv[2]):
    print(f"{guess['score']:.3f}  {guess['token_str']}")
"""
# Files are moved to docs/assets at the end, so that the runs see a clean git work tree.
NEW = FOLDER / "assets"
CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")


def main(parts: list[str]) -> None:
    """Write the assets of the given parts."""
    makers = {"demo": demo, "others": other_models, "vertex": vertex}
    shutil.rmtree(NEW, ignore_errors=True)
    NEW.mkdir(parents=True)
    shutil.copy(ASSETS / "figures.json", NEW)
    for part in parts or list(makers):
        makers[part]()
    for path in NEW.glob("*.txt"):
        if str(TOP) in path.read_text(encoding="utf-8"):
            raise SystemExit(f"{path}: contains a path of this machine")
    shutil.copytree(NEW, ASSETS, dirs_exist_ok=True)


def demo() -> None:
    """Run the demo and everything that reads its workdir."""
    shutil.rmtree(FOLDER / "work" / "demo", ignore_errors=True)
    run("demo-text", "work/demo/text")
    write("demo-run.txt", summary("run", "demo", *DEMO))
    first = newest_summary("demo")
    write("demo-cached.txt", summary("run", "demo", *DEMO))
    write(
        "plan.txt", run("plan", "demo", *DEMO, "--set", "trainer.steps=4000", "--machine", "a100")
    )
    report = FOLDER / first["places"]["report"]
    write("fill-mask.txt", fill_mask(FOLDER / first["places"]["model"] / "transformers"))
    run("run", "demo", *DEMO, "--set", "trainer.learning_rate=0.001")
    runs = (first["run_id"], newest_summary("demo")["run_id"])
    write("lineage-diff.txt", run("lineage", "diff", *runs, "--workdir", "work/demo"))
    write("lineage-list.txt", run("lineage", "list", "--workdir", "work/demo"))
    write("lineage-verify.txt", run("lineage", "verify", "--workdir", "work/demo"))
    run("lineage", "report", "--workdir", "work/demo", "-o", "lineage.html")
    picture(report, "corpus-report.png", height=1510)
    picture(FOLDER / "lineage.html", "lineage.png", height=1360, place=f"/run/{first['run_id']}")
    write("recipes.txt", run("recipes"))
    write("machines.txt", run("machines"))
    write("bad-text.txt", bad_text())
    save_figures("demo", first)


def other_models() -> None:
    """Train the tiny ALBERT and ELECTRA on the demo's text, for their figures."""
    run("demo-text", "work/demo/text")
    for recipe in ("albert-tiny", "electra-tiny"):
        run("run", recipe, "--text", "work/demo/text", "--workdir", f"work/{recipe}")
        save_figures(recipe.removesuffix("-tiny"), newest_summary(recipe))


def vertex() -> None:
    """Call the commands for Vertex AI; the test server answers them."""
    for name, text in {**vertex_output(FOLDER), **operating_output(FOLDER)}.items():
        write(f"{name}.txt", text)


def run(*arguments: str, code: int = 0) -> str:
    """Return the output of `textmill` in the folder of the assets."""
    return textmill(*arguments, folder=FOLDER, code=code)


def summary(*arguments: str) -> str:
    """Return the table at the end of a run, without the progress before it."""
    output = textmill(*arguments, folder=FOLDER, progress=True)
    # A reader's workdir is in the clone, beside .venv.
    return output[output.rindex("\nRun ") + 1 :].replace(f"{TOP}/.venv/", ".venv/")


def newest_summary(workdir: str) -> dict[str, Any]:
    """Return the summary of the newest run in a workdir."""
    path = max((FOLDER / "work" / workdir / "runs").glob("*/summary.json"))
    content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return content


def save_figures(name: str, summary: dict[str, Any]) -> None:
    """Store the figures that sentences in README and docs quote."""
    path = NEW / "figures.json"
    figures = json.loads(path.read_text(encoding="utf-8"))
    evaluation = next(n for n in summary["nodes"] if n["node"] == "ModelEvaluator")
    metrics = evaluation["counts"]["evaluation"]["metrics"]
    loss, unigram = metrics["masked_lm_loss"], metrics["unigram_loss"]
    figures |= {
        f"{name}.loss": f"{loss:.2f}",
        f"{name}.unigram": f"{unigram:.2f}",
        f"{name}.gain": f"{unigram - loss:.2f}",
        f"{name}.seconds": f"{summary['seconds']:.0f}",
    }
    if "replaced_token_auc" in metrics:
        figures[f"{name}.auc"] = f"{metrics['replaced_token_auc']:.2f}"
    text = json.dumps(figures, indent=2, sort_keys=True) + "\n"
    path.write_text(text, encoding="utf-8")


def fill_mask(model: Path) -> str:
    """Return the guesses of the published model, by `transformers` on PyTorch."""
    python = TOP / ".venv-transformers" / "bin" / "python"
    command = [str(python), "-W", "ignore", "-c", FILL_MASK, str(model), SENTENCE]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def bad_text() -> str:
    """Return what a run says about a file that is not UTF-8."""
    (FOLDER / "my").mkdir(exist_ok=True)
    (FOLDER / "my" / "a.txt").write_bytes(b"A first line.\nA line with \xff in it.\n")
    return run("run", "quick", "--text", "my/*.txt", "--workdir", "work/mine", code=2)


def picture(page: Path, name: str, *, height: int, place: str = "") -> None:
    """Take a picture of a page, 1200 pixels wide, with headless Chromium."""
    if CHROMIUM is None:
        raise SystemExit("Chromium is missing: apt-get update && apt-get install -y chromium")
    command = [
        CHROMIUM, "--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars",
        "--disable-background-networking", "--virtual-time-budget=5000",
        f"--user-data-dir={FOLDER / 'chromium'}", f"--window-size=1200,{height}",
        f"--screenshot={NEW / name}", f"{page.resolve().as_uri()}#{place}",
    ]  # fmt: skip
    subprocess.run(command, check=True, capture_output=True)


def write(name: str, text: str) -> None:
    """Write one asset."""
    (NEW / name).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
