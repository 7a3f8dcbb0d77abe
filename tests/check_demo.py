"""Check the last run of a workdir: `python -m tests.check_demo WORKDIR ran|cached [REASON]`.

CI calls this after `make run` and after a run of each of the other tiny recipes. It exits with 1
and a message if a claim of the README is false, or if the first node ran for another reason than
REASON, or a later one because of its code.
"""

import json
import sys
from pathlib import Path
from typing import Any

MAX_SECONDS = {"ran": 600, "cached": 20}
# Below the unigram baseline on held-out text; ELECTRA's generator is weak on purpose.
MIN_GAIN_NATS = {"demo": 0.8, "albert-tiny": 0.3, "electra-tiny": 0.2}
MIN_AUC = 0.65  # of ELECTRA's discriminator


def main(workdir: Path, expected_state: str, reason: str = "") -> None:
    """Check the newest summary."""
    summary = newest_summary(workdir)
    must(summary["state"] == "succeeded", f"the run {summary['state']}: {summary['error']}")
    states = {node["node"]: node["state"] for node in summary["nodes"]}
    resolver = "LatestBlessedModel"  # a lookup, which ML Metadata always records as cached
    others = {state for node, state in states.items() if node != resolver}
    must(others == {expected_state}, f"not every node {expected_state}: {states}")
    if reason:
        reasons = [node["why"] for node in summary["nodes"]]
        must(reasons[0] == reason and "code changed" not in str(reasons), f"reasons: {reasons}")
    must(
        summary["seconds"] < MAX_SECONDS[expected_state],
        f"the nodes took {summary['seconds']} s, over {MAX_SECONDS[expected_state]}",
    )
    evaluation = next(n for n in summary["nodes"] if n["node"] == "ModelEvaluator")
    metrics = evaluation["counts"]["evaluation"]["metrics"]
    gain = metrics["unigram_loss"] - metrics["masked_lm_loss"]
    auc = metrics.get("replaced_token_auc")
    learned = gain > MIN_GAIN_NATS[summary["recipe"]]
    must(learned, f"the loss is only {gain:.3f} nats below the unigram baseline")
    must(auc is None or auc > MIN_AUC, f"the discriminator's AUC is {auc}")
    must_hold_a_model(Path(summary["places"]["model"]))
    figures = f"{gain:.2f} nats below unigram" + (f", AUC {auc:.3f}" if auc else "")
    print(f"check_demo: {len(states)} nodes {expected_state}, {figures}")


def newest_summary(workdir: Path) -> dict[str, Any]:
    """Read the summary of the last run."""
    summaries = sorted(workdir.glob("runs/*/summary.json"))
    must(bool(summaries), f"{workdir}: no run has a summary")
    content: dict[str, Any] = json.loads(summaries[-1].read_text(encoding="utf-8"))
    return content


def must_hold_a_model(folder: Path) -> None:
    """Check that a published folder has every file of a model."""
    names = ["saved_model.pb", "manifest.json", "README.md"]
    names += [f"transformers/{n}" for n in ("config.json", "model.safetensors", "tokenizer.json")]
    for name in names:
        must((folder / name).is_file(), f"{folder} has no {name}")


def must(condition: bool, message: str) -> None:
    """Exit with a message unless the condition holds."""
    if not condition:
        sys.exit(f"check_demo: {message}")


if __name__ == "__main__":
    main(Path(sys.argv[1]), *sys.argv[2:])
