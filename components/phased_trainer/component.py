"""Declare the PhasedTrainer component: it trains on instances of one length, then another."""

from collections.abc import Mapping
from typing import Any

from tfx import types
from tfx.components.trainer import component as tfx_trainer
from tfx.dsl.components.base import executor_spec
from tfx.proto import trainer_pb2
from tfx.types import standard_artifacts, standard_component_specs
from tfx.types.component_spec import ChannelParameter
from tfx.utils import json_utils

from components.phased_trainer import executor
from components.tfx_internals.component_init import SpecComponent


class PhasedTrainerSpec(standard_component_specs.TrainerSpec):
    """TFX's spec, plus an input for the instances of each later phase."""

    INPUTS = {
        **standard_component_specs.TrainerSpec.INPUTS,
        **{
            key: ChannelParameter(type=standard_artifacts.Examples, optional=True)
            for key in executor.PHASE_EXAMPLES
        },
    }


class PhasedTrainer(SpecComponent, tfx_trainer.Trainer):
    """Train in phases (`trainer.phases`), as BERT was trained at length 128 and then 512.

    Example:
        trainer = PhasedTrainer(
            examples=short.outputs["instances"],
            phases={"phase_2_examples": long.outputs["instances"]},
            run_fn="trainer.run_fn.run_fn",
            custom_config={"training": settings.model_dump_json()},
        )

    Outputs:
        model: `standard_artifacts.Model`.
        model_run: `standard_artifacts.ModelRun`: TensorBoard's event files.
    """

    SPEC_CLASS = PhasedTrainerSpec
    EXECUTOR_SPEC = executor_spec.ExecutorClassSpec(executor.Executor)

    def __init__(
        self,
        *,
        phases: Mapping[str, types.BaseChannel],
        custom_config: Mapping[str, Any],
        **values: Any,
    ) -> None:
        """Build the component.

        Args:
            phases: instances of the later phases, by the names in `PHASE_EXAMPLES`.
            custom_config: as for TFX's Trainer; `training` is `TrainingSettings` as JSON.
            **values: others of the spec: `examples` of the first phase, `run_fn` (a dotted path)
                and optionally `base_model`, to start from.
        """
        super().__init__(
            **phases,
            train_args=trainer_pb2.TrainArgs(),
            eval_args=trainer_pb2.EvalArgs(),
            custom_config=json_utils.dumps(dict(custom_config)),
            **values,
        )
