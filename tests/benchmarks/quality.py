"""Compare BERT, ALBERT and two ELECTRAs that were trained with equal FLOPs on the same text.

usage: python -m tests.benchmarks.quality --text 'corpus/**' --task YAML … [--budget '300 TFLOP']

Each model is trained by `textmill run` with the recipe bert-mini, four layers and `trainer.budget`,
so that vocabulary, length and batch are the same; then `textmill evaluate` scores it on labeled
tasks, beside the same architecture with random weights and a bag of words.

Text for it: at least 60 MB of English, so that no budget of an hour reads it twice. Debian's
linux-doc-6.1, openjdk-17-doc, debian-handbook, gnome-user-docs, racket-doc and postgresql-doc have
that much. Labeled sets: Debian's python3-pattern has sentences by polarity and uncertainty in
test/corpora. Look at each license.
"""

import argparse
import json
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from core.json_object import read_json
from core.manifest import read_manifest

SHAPE = {
    "size": "tiny",  # whose dimensions are replaced
    "num_layers": 4,
    "hidden_size": 256,
    "num_heads": 4,
    "intermediate_size": 1024,
    "max_position": 128,
    "position_start": "sinusoidal",
    "initializer_range": 0.04,  # 0.7 / sqrt(hidden), as in the demo
}
ELECTRA = {
    "model.embedding_size": 128,
    "model.generator_share": 0.25,
    "instances.objective": "contiguous",
    "masking.mask_share": 1.0,
    "masking.random_share": 0.0,
}
MODELS: dict[str, dict[str, Any]] = {
    "bert": {},
    "albert": {"model.embedding_size": 128, "instances.objective": "sentence_order"},
    "electra": ELECTRA,
    "electra-disentangled": {**ELECTRA, "model.electra.embedding_sharing": "disentangled"},
}
PUBLISHED = {  # a weak model, too
    "evaluation.min_gain_over_unigram": -100,
    "evaluation.min_replaced_token_auc": 0,
}


def main() -> None:
    """Train and evaluate each model, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--text", required=True, nargs="+")
    parser.add_argument("--task", required=True, nargs="+", help="as of `textmill evaluate`")
    parser.add_argument("--budget", default="300 TFLOP", help="20 minutes at 250 GFLOP/s")
    parser.add_argument("--workdir", default="work-quality", type=Path)
    parser.add_argument("--models", nargs="+", default=list(MODELS), choices=MODELS)
    parser.add_argument("--set", nargs="*", default=[], help="as of `textmill run`")
    arguments = parser.parse_args()
    head = f"{'model':22} {'steps':>8} {'masked loss':>11} {'AUC':>6}"
    sys.stdout.write(f"{head} {'task':12} {'':11} {'model':>15} {'random':>15} {'words':>7}\n")
    for name in arguments.models:
        summary = train(name, arguments)
        head = f"{name:22} {held_out(summary)}"
        for row in evaluate(summary["places"]["model"], arguments.task):
            sys.stdout.write(f"{head} {row}\n")
        sys.stdout.flush()


def train(name: str, arguments: argparse.Namespace) -> dict[str, Any]:
    """Run the pipeline, or find its results in the cache; return the summary of the run."""
    kind = name.partition("-")[0]
    values = {
        "name": f"quality-{name}",
        "trainer.budget": arguments.budget,
        "model.type": kind,
        **{f"model.{key}": value for key, value in SHAPE.items()},
        **PUBLISHED,
        **MODELS[name],
    }
    overrides = [f"{key}={value}" for key, value in values.items()] + arguments.set
    command = ["run", "bert-mini", "--workdir", str(arguments.workdir)]
    textmill(*command, *repeat("--text", arguments.text), *repeat("--set", overrides))
    runs = sorted((arguments.workdir / "runs").iterdir())
    summary: dict[str, Any] = read_json(str(runs[-1] / "summary.json"))
    return summary


def evaluate(model: str, tasks: list[str]) -> Iterator[str]:
    """Yield a row for each task and way to score it, with the spread over the seeds."""
    results = json.loads(textmill("evaluate", model, *repeat("--task", tasks), "--json"))
    for task, result in results.items():
        words = result["bag_of_words"]["mean"]
        for kind in ("probe", "fine_tuning"):
            own, random = (result[kind][name] for name in ("model", "random"))
            cells = [f"{score['mean']:.3f} ± {score['spread']:.3f}" for score in (own, random)]
            yield f"{task:12} {kind:11} {cells[0]:>15} {cells[1]:>15} {words:>7.3f}"


def textmill(*arguments: str) -> str:
    """Run a command of Textmill and return its output."""
    command = [sys.executable, "-m", "pipelines.cli", *arguments]
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout


def repeat(option: str, values: Sequence[str]) -> list[str]:
    """Return an option once per value."""
    return [part for value in values for part in (option, value)]


def held_out(summary: dict[str, Any]) -> str:
    """Return the steps, the held-out masked-token loss, and the AUC of a discriminator."""
    counts = {node["node"]: node["counts"] for node in summary["nodes"]}
    metrics = counts["ModelEvaluator"]["evaluation"]["metrics"]
    auc = metrics.get("replaced_token_auc")
    manifest = read_manifest(summary["places"]["model"])
    settings: Any = manifest.facts["settings"]
    steps, loss = settings["trainer"]["steps"], metrics["masked_lm_loss"]
    return f"{steps:>8,} {loss:>11.3f} {'' if auc is None else f'{auc:.3f}':>6}"


if __name__ == "__main__":
    main()
