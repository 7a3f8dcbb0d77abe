"""Compare BERT, ALBERT and two ELECTRAs that were trained with equal FLOPs on the same text.

usage: python -m tests.benchmarks.quality [--budget '20 TFLOP'] [--models bert …]

Each model is trained by its recipe for small texts, with the same text, vocabulary, length and
`trainer.budget`, and scored on labeled tasks by DownstreamEvaluator, beside the same architecture
with random weights, a bag of words and the most common label. Everything is one workdir: the text
is prepared once, and a second start continues. Text (65 MB) and tasks come from
packages of Debian, unless `--text` and `--task` name others.
"""

import argparse
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from core.json_object import read_json
from tests.benchmarks.quality.data import make_data

MODELS: dict[str, tuple[str, dict[str, str]]] = {  # recipe, and what differs from it
    "bert": ("quick", {}),
    "electra": ("electra-tiny", {}),
    "electra-disentangled": ("electra-tiny", {"model.electra.embedding_sharing": "disentangled"}),
    "albert": (
        "albert-tiny",  # with the optimizer of `quick`
        {
            "trainer.learning_rate": "2e-3",
            "trainer.adam_bias_correction": "true",
            "trainer.adam_beta_2": "0.98",
        },
    ),
}
SHARED = {
    "name": "quality",  # one name, so that the models share what they have in common
    "text.language": "en",
    "text.eval_fraction": "0.01",
    "vocabulary.size": "4000",
    "trainer.precision": "bfloat16",
    "report.show_text": "false",
    # No model is blessed: each is compared with random weights, none with the one before it.
    "evaluation.min_gain_over_unigram": "100",
    "evaluation.min_replaced_token_auc": "1",
    "evaluation.decontaminate": "{ngram: 13, drop: true}",
    "evaluation.fine_tuning": "{epochs: 2, learning_rate: 1e-3, batch_size: 32}",
}

COLUMNS = "{:21} {:>7} {:>6} {:>5}  {:12} {:11} {:>13} {:>13} {:>6} {:>6}\n"


def main() -> None:
    """Train and evaluate each model, and print its rows."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--budget", default="20 TFLOP", help="of each model, as trainer.budget")
    parser.add_argument("--workdir", default="work-quality", type=Path)
    parser.add_argument("--models", nargs="+", default=list(MODELS), choices=MODELS)
    parser.add_argument("--text", nargs="+", help="patterns of files, one sentence a line")
    parser.add_argument("--task", nargs="+", help="as of `textmill evaluate`")
    parser.add_argument("--set", nargs="*", default=[], help="of all models, as of `textmill run`")
    arguments = parser.parse_args()
    text, tasks = arguments.text, arguments.task
    if not (text and tasks):
        prepared = make_data(arguments.workdir / "data")
        text, tasks = text or prepared[0], tasks or prepared[1]
    columns = "model", "steps", "loss", "AUC", "task", "scored by", "pre-trained", "random"
    write_row(*columns, "words", "most")
    for name in arguments.models:
        recipe, own = MODELS[name]
        values = {**SHARED, **own, "trainer.budget": arguments.budget}
        values["evaluation.tasks"] = f"[{', '.join(tasks)}]"
        overrides = [f"{key}={value}" for key, value in values.items()] + arguments.set
        command = ["run", recipe, "--workdir", str(arguments.workdir / "runs")]
        textmill(*command, *repeat("--text", text), *repeat("--set", overrides))
        print_rows(name, arguments.workdir / "runs")


def textmill(*arguments: str) -> None:
    """Run a command of Textmill; its output is for the log."""
    command = [sys.executable, "-m", "pipelines.cli", *arguments]
    subprocess.run(command, check=True, stdout=sys.stderr)


def repeat(option: str, values: Sequence[str]) -> list[str]:
    """Return an option once per value."""
    return [part for value in values for part in (option, value)]


def print_rows(name: str, workdir: Path) -> None:
    """Print the last run of a workdir: a row for each task and way to score it."""
    latest = max((workdir / "runs").iterdir(), key=lambda run: run.name)
    summary = read_json(str(latest / "summary.json"))
    counts = {node["node"]: node["counts"] for node in summary["nodes"]}
    metrics = counts["ModelEvaluator"]["evaluation"]["metrics"]
    auc = metrics.get("replaced_token_auc")
    steps = counts["Trainer"]["model_run"]["steps"]
    head = f"{steps:,}", f"{metrics['masked_lm_loss']:.3f}", f"{auc:.3f}" if auc else ""
    results = counts["DownstreamEvaluator"]["downstream_evaluation"]["tasks"]
    for task, result in results.items():
        simple = [f"{result[key]['mean']:.3f}" for key in ("bag_of_words", "majority")]
        for kind in ("probe", "fine_tuning"):
            scores = [result[kind][key] for key in ("model", "random")]
            cells = [f"{score['mean']:.3f} ± {score['spread']:.3f}" for score in scores]
            write_row(name, *head, task, kind, *cells, *simple)


def write_row(*cells: str) -> None:
    """Print a row at once, so that it is there while the next model trains."""
    sys.stdout.write(COLUMNS.format(*cells))
    sys.stdout.flush()


if __name__ == "__main__":
    main()
