"""Exchange checkpoints and models between TensorFlow versions, with the trainer alone.

    python -m tests.trainer.exchange INSTANCES FOLDER PYTHON PYTHON...

Each Python has one version of TensorFlow and what requirements/trainer-*.txt lists. The first one
begins a run and is stopped after a checkpoint; each of the others continues it; the last one ends
it. Then each trains a model, and each evaluates the models of all. Exits with 1 if a checkpoint is
not continued, or if two versions compute different figures of one model.
"""

import json
import signal
import subprocess
import sys
import time
from pathlib import Path

STEPS, SAVE_EVERY = 200, 20
TOLERANCE = 1e-4  # relative
EVALUATE = """
import sys, tensorflow as tf
from trainer.evaluation import evaluate
model, instances = sys.argv[1:]
encode = tf.saved_model.load(model).signatures["encode"]
encoded = encode(text=tf.constant(["A short text, and its vectors."]))
norm = sum(float(tf.norm(tf.cast(value, tf.float32))) for value in encoded.values())
print(tf.__version__, evaluate(model, instances, "eval", 32, seed=1).masked_lm_loss + norm)
"""


def main(instances: str, folder: str, *pythons: str) -> None:
    """Run the exchange and print what each version did."""
    base = Path(folder).absolute()
    base.mkdir(parents=True)
    for python in pythons[:-1]:
        stop_after_a_checkpoint(python, write_job(base, "relay", instances, STEPS))
    train(pythons[-1], write_job(base, "relay", instances, STEPS))
    training = json.loads((base / "relay-run/training.json").read_text())
    print(f"the last continued from {training['resumed_from']}")
    must(training["resumed_from"] is not None, "the last version did not continue the run")
    models = [base / "relay"]
    for number, python in enumerate(pythons):
        train(python, write_job(base, f"model-{number}", instances, SAVE_EVERY))
        models.append(base / f"model-{number}")
    for model in models:
        figures = dict(measure(python, model, instances) for python in pythons)
        print(model.name, figures)
        lowest, highest = min(figures.values()), max(figures.values())
        must(highest - lowest < TOLERANCE * highest, f"{model.name} differs: {figures}")


def write_job(base: Path, name: str, instances: str, steps: int) -> str:
    """Write a job into a file, and return its path."""
    settings = {
        "model": {"type": "bert", "num_layers": 2, "hidden_size": 64, "num_heads": 2,
                  "intermediate_size": 256},
        "masking": {},
        "trainer": {"steps": steps, "warmup_steps": 5, "global_batch_size": 16,
                    "save_every_steps": SAVE_EVERY, "device": "cpu"},
        "seed": 1,
        "checkpoint_root": str(base / f"{name}-checkpoints"),
    }  # fmt: skip
    job = {"settings": settings, "instances": [instances], "model": str(base / name)}
    path = base / f"{name}.json"
    path.write_text(json.dumps({**job, "run": str(base / f"{name}-run")}))
    return str(path)


def train(python: str, job: str) -> None:
    """Run a job to its end."""
    subprocess.run([python, "-m", "trainer", job], check=True)


def stop_after_a_checkpoint(python: str, job: str) -> None:
    """Run a job, and stop it when it has written a checkpoint of its own."""
    root = Path(json.loads(Path(job).read_text())["settings"]["checkpoint_root"])
    before = set(root.rglob("step-*.json"))
    process = subprocess.Popen([python, "-m", "trainer", job])
    while not set(root.rglob("step-*.json")) - before:
        must(process.poll() is None, f"{python} ended with {process.returncode}")
        time.sleep(0.1)
    process.send_signal(signal.SIGTERM)
    must(process.wait() == 128 + signal.SIGTERM, f"{python} ended with {process.returncode}")
    print(f"{python} was stopped after a checkpoint")


def measure(python: str, model: Path, instances: str) -> tuple[str, float]:
    """Return a version of TensorFlow, and the loss plus the length of the SavedModel's vectors."""
    command = [python, "-c", EVALUATE, str(model), instances]
    output = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    version, figure = output.split()[-2:]
    return version, float(figure)


def must(condition: bool, message: str) -> None:
    """Exit with a message unless a condition holds."""
    if not condition:
        sys.exit(f"exchange: {message}")


if __name__ == "__main__":
    main(*sys.argv[1:])
