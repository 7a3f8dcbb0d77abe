"""An exported model is, to `transformers`, the same model."""

import json
import os
import subprocess
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from tests.trainer.real_instances import KOREAN, read_documents
from tests.trainer.training_tools import train_some
from trainer.export import export_model
from trainer.instances import open_instances
from trainer.training import make_objective

SCRIPT = Path(__file__).with_name("transformers_reference.py")
TEXTS = [sentence for document in read_documents()[:4] for sentence in document][:60]
ODD_TEXTS = [
    *KOREAN,
    "Ünïcödé naïve café",
    "漢字かな交じり文です。",
    "a\u200bb\x07c ΑΣ",
    "x" * 101,
    "",
]


@pytest.fixture(scope="module")
def exported(static_folder: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model that was trained for some steps, so that no bias is 0 any more."""
    from tests.trainer.conftest import make_settings

    root = tmp_path_factory.mktemp("exported")
    settings = make_settings.__wrapped__(root)()
    instances = open_instances(static_folder)
    state, _ = train_some(settings, static_folder, 5)
    model = make_objective(settings, instances).model
    export_model(str(root / "model"), model, state.values(), instances, {"seed": settings.seed})
    return root / "model"


@pytest.fixture(scope="module")
def inputs() -> dict[str, np.ndarray]:
    """Three rows of ids, one of them padded, two segments."""
    rng = np.random.default_rng(0)
    mask = np.ones((3, 32), np.int32)
    mask[1, 20:] = 0
    return {
        "input_ids": rng.integers(5, 800, (3, 32)).astype(np.int32),
        "input_mask": mask,
        "segment_ids": np.repeat([[0] * 16 + [1] * 16], 3, 0).astype(np.int32),
    }


def run_transformers(
    python: str, class_name: str, folder: Path, inputs: dict[str, np.ndarray], scratch: Path
) -> tuple[dict[str, np.ndarray], dict]:
    """Outputs and report of `transformers_reference.py`."""
    np.savez(scratch / "inputs.npz", **inputs, texts=np.array([*TEXTS, *ODD_TEXTS]))
    command = [python, str(SCRIPT), class_name, str(folder), "inputs.npz", "outputs.npz"]
    environment = {**os.environ, "HF_HUB_OFFLINE": "1", "PYTHONPATH": ""}
    done = subprocess.run(
        command, cwd=scratch, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    report = json.loads((scratch / "outputs.json").read_text(encoding="utf-8"))
    return dict(np.load(scratch / "outputs.npz")), report


@pytest.mark.transformers
def test_transformers_loads_every_key_and_gives_our_logits_and_ids(
    exported: Path, inputs: dict[str, np.ndarray], transformers_python: str, tmp_path: Path
) -> None:
    theirs, report = run_transformers(
        transformers_python, "BertForPreTraining", exported / "transformers", inputs, tmp_path
    )
    signatures = tf.saved_model.load(str(exported)).signatures
    given = {name: tf.constant(value) for name, value in inputs.items()}
    every_slot = tf.constant(np.tile(np.arange(32, dtype=np.int32), (3, 1)))
    scores = signatures["fill_mask"](**given, masked_lm_positions=every_slot)["scores"].numpy()
    hidden = signatures["encode_ids"](**given)["sequence_output"].numpy()
    real = inputs["input_mask"][..., None]
    assert report["complaints"] == {}
    np.testing.assert_allclose(scores * real, theirs["prediction_logits"] * real, atol=1e-4)
    np.testing.assert_allclose(hidden * real, theirs["last_hidden_state"] * real, atol=1e-4)
    encoded = signatures["encode"](tf.constant([*TEXTS, *ODD_TEXTS]))
    lengths = encoded["input_mask"].numpy().sum(-1)
    ours = [r[:n].tolist() for r, n in zip(encoded["input_ids"].numpy(), lengths, strict=True)]
    assert ours == [[*ids[:63], 3] if len(ids) > 64 else ids for ids in report["ids"]]
