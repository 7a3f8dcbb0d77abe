"""Compare learning curves with PyTorch's: `transformers` models on the same batches.

usage: python -m tests.benchmarks.learning_curve [--types bert albert electra] [--steps 2000]

Both sides start from the same weights and see the same tokens, masks, learning rates and dropout
rates; both update with AdamW and clip. Dropout and the samples of ELECTRA's generator are each
side's own. The table has held-out losses at three checkpoints. The instances are the prose of
Python's language reference, or those of a run (`--instances FOLDER`). Needs `make transformers`.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterable
from itertools import islice
from pathlib import Path

import numpy as np
import tensorflow as tf

from core.file_names import TRANSFORMERS_FOLDER
from tests.benchmarks.training_step import ROOT
from tests.trainer.real_instances import write_instances
from trainer.evaluation import evaluation_masking
from trainer.export.export import export_model
from trainer.huggingface.config import GENERATOR_FOLDER
from trainer.input.batches import evaluation_batches, training_batches
from trainer.input.instances import Instances, open_instances
from trainer.input.parse_records import Batch
from trainer.loop.held_out import SPLIT
from trainer.loop.state import start_state
from trainer.objectives.choose import choose_objective
from trainer.settings.masking import MaskingSettings
from trainer.settings.model import ModelSettings
from trainer.settings.training import TrainerSettings, TrainingSettings
from trainer.training import train_and_export

CHECKPOINTS = 3
EVALUATED = 256  # held-out instances at most
LENGTH, INSTANCES, VOCABULARY = 64, 1400, 2000  # of the made instances
# From the recipes of this size, with the papers' dropout.
SHAPES = {
    "bert": {"initializer_range": 0.06},
    "albert": {"initializer_range": 0.09},
    "electra": {"initializer_range": 0.06, "generator_share": 0.5},
}
MASKS = {"electra": MaskingSettings(mask_share=1.0, random_share=0.0)}
Losses = dict[str, float]


def main() -> None:
    """Train both sides of each type, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--types", nargs="+", default=["bert", "albert", "electra"])
    parser.add_argument("--steps", type=int, default=2000)
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--size", default="tiny")
    parser.add_argument("--dropout", type=float, default=0.1)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--instances", help="folder of InstanceGen's output")
    parser.add_argument("--peer", default=str(ROOT / ".venv-transformers" / "bin" / "python"))
    arguments = parser.parse_args()
    sys.stdout.write(f"{'type':8} {'step':>6} {'held-out loss':20} {'Textmill':>9} {'PyTorch':>9}")
    sys.stdout.write(f" {'difference':>10}\n")
    with tempfile.TemporaryDirectory() as scratch:
        folder = arguments.instances or write_instances(
            Path(scratch) / "instances",
            "dynamic",
            length=LENGTH,
            instances=INSTANCES,
            vocab_size=VOCABULARY,
        )
        for kind in arguments.types:
            compare(kind, folder, Path(scratch) / kind, arguments)


def compare(kind: str, folder: str, scratch: Path, arguments: argparse.Namespace) -> None:
    """Train both sides of a type, and print a row for each checkpoint and loss."""
    scratch.mkdir()
    settings, instances = _settings(kind, scratch, arguments), open_instances(folder)
    _export_start(settings, instances, scratch / "start")
    _save_batches(settings, instances, scratch)
    train_and_export(settings, [folder], str(scratch / "model"), str(scratch / "run"))
    log = json.loads((scratch / "run" / "training.json").read_text(encoding="utf-8"))
    ours = {each["step"]: each for each in log["held_out"]}
    for step, losses in _train_theirs(kind, scratch, arguments).items():
        for name, theirs in losses.items():
            loss = ours[step][f"held_out_{name}"]
            row = f"{kind:8} {step:>6,} {name:20} {loss:>9.3f} {theirs:>9.3f}"
            sys.stdout.write(f"{row} {loss - theirs:>+10.3f}\n")
    sys.stdout.flush()


def _settings(kind: str, scratch: Path, arguments: argparse.Namespace) -> TrainingSettings:
    steps, dropout = arguments.steps, arguments.dropout
    return TrainingSettings(
        model=ModelSettings.model_validate(
            {
                "type": kind,
                "size": arguments.size,
                "hidden_dropout": dropout,
                "attention_dropout": dropout,
                "position_start": "sinusoidal",
                **SHAPES[kind],
            }
        ),
        masking=MASKS.get(kind, MaskingSettings()),
        trainer=TrainerSettings(
            steps=steps,
            warmup_steps=steps // 20,
            global_batch_size=arguments.batch,
            learning_rate=6e-4,
            adam_bias_correction=True,  # PyTorch's AdamW always does
            device="cpu",
            evaluate_every_steps=steps // CHECKPOINTS,
            evaluate_instances=EVALUATED,
            log_every_steps=steps,
            save_every_steps=steps,
        ),
        seed=arguments.seed,
        checkpoint_root=str(scratch / "checkpoints"),
    )


def _export_start(settings: TrainingSettings, instances: Instances, folder: Path) -> None:
    objective = choose_objective(settings.model, instances)
    values = start_state(settings, objective).values()
    export_model(str(folder), objective.model, values, instances, {})


def _save_batches(settings: TrainingSettings, instances: Instances, folder: Path) -> None:
    """Write every batch of the training, and the held-out ones, as arrays."""
    trainer = settings.trainer
    train = training_batches(
        instances,
        settings.masking,
        batch_size=trainer.global_batch_size,
        seed=settings.seed,
        first_step=0,
    )
    held_out = evaluation_batches(
        instances,
        SPLIT,
        evaluation_masking(settings.model.type),
        batch_size=trainer.global_batch_size,
        seed=settings.seed,
        drop_remainder=True,
    )
    count = min(instances.size(SPLIT), EVALUATED) // trainer.global_batch_size
    for name, data, number in (("train", train, trainer.steps), ("eval", held_out, count)):
        np.savez(folder / f"{name}.npz", **_stack(islice(iter(data), number)))


def _stack(batches: Iterable[Batch]) -> dict[str, np.ndarray]:
    arrays = [{n: tf.convert_to_tensor(v).numpy() for n, v in batch.items()} for batch in batches]
    return {name: np.stack([batch[name] for batch in arrays]) for name in arrays[0]}


def _train_theirs(kind: str, scratch: Path, arguments: argparse.Namespace) -> dict[int, Losses]:
    """Return PyTorch's held-out losses by step."""
    folders = [scratch / "start" / TRANSFORMERS_FOLDER]
    folders += [scratch / "start" / GENERATOR_FOLDER] if kind == "electra" else []
    settings = _settings(kind, scratch, arguments)
    script = str(Path(__file__).with_name("their_curve.py"))
    done = subprocess.run(
        [arguments.peer, script, settings.model_dump_json(), *map(str, folders)],
        cwd=scratch,
        env={**os.environ, "HF_HUB_OFFLINE": "1", "PYTHONPATH": ""},
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    return {int(step): losses for step, losses in json.loads(done.stdout).items()}


if __name__ == "__main__":
    main()
