"""The VertexTrainer component: training as a custom job of Vertex AI."""

import json
from collections.abc import Mapping
from typing import Any

from tfx import types
from tfx.components.trainer import component as tfx_trainer
from tfx.dsl.components.base import executor_spec
from tfx.extensions.google_cloud_ai_platform import constants
from tfx.extensions.google_cloud_ai_platform.trainer.executor import TRAINING_ARGS_KEY
from tfx.orchestration.data_types import RuntimeParameter
from tfx.proto import trainer_pb2
from tfx.types import standard_artifacts
from tfx.types.component_spec import ExecutionParameter

from components.phased_trainer.component import PhasedTrainerSpec
from components.tfx_internals.component_init import init_component
from components.vertex_trainer import executor


class VertexTrainerSpec(PhasedTrainerSpec):
    """The local Trainer's spec, and what is given at submission."""

    PARAMETERS = {
        **PhasedTrainerSpec.PARAMETERS,
        "project": ExecutionParameter(type=str),
        "region": ExecutionParameter(type=str),
        "service_account": ExecutionParameter(type=str),
        "checkpoint_root": ExecutionParameter(type=str),
        "steps": ExecutionParameter(type=int),
        "warmup_steps": ExecutionParameter(type=int),
        "learning_rate": ExecutionParameter(type=float),
        "global_batch_size": ExecutionParameter(type=int),
        "seed": ExecutionParameter(type=int),
        "model_size": ExecutionParameter(type=str),
        "code_digest": ExecutionParameter(type=str),
    }


class VertexTrainer(tfx_trainer.Trainer):
    """Starts a custom job that trains, and waits for it.

    The settings are those of the local Trainer (`custom_config`); values of the submission are put
    into them and checked before a machine is paid for.

    Component outputs contains:
     - `model`: Channel of type `standard_artifacts.Model`.
     - `model_run`: Channel of type `standard_artifacts.ModelRun`, with TensorBoard's events.
    """

    SPEC_CLASS = VertexTrainerSpec
    EXECUTOR_SPEC = executor_spec.ExecutorClassSpec(executor.Executor)

    def __init__(
        self,
        *,
        examples: types.BaseChannel,
        run_fn: str,
        custom_config: Mapping[str, Any],
        job: Mapping[str, Any],
        code_digest: str,
        values: Mapping[str, str | RuntimeParameter],
        base_model: types.BaseChannel | None = None,
        phases: Mapping[str, types.BaseChannel] | None = None,
    ) -> None:
        """Describes the step.

        Args:
            examples: InstanceGen's instances.
            run_fn: dotted path of the function that trains.
            custom_config: as for TFX's Trainer; `training` is `TrainingSettings` as JSON.
            job: a CustomJob's `display_name`, `labels` and `job_spec`.
            code_digest: of the executor that starts the job; that of the trainer is in `training`.
            values: what is known at submission only, by the names in `VertexTrainerSpec`.
            base_model: a model to start from.
            phases: InstanceGen's instances of the later phases, as for `PhasedTrainer`.
        """
        spec = VertexTrainerSpec(
            examples=examples,
            **(phases or {}),
            run_fn=run_fn,
            train_args=trainer_pb2.TrainArgs(),
            eval_args=trainer_pb2.EvalArgs(),
            custom_config=json.dumps(
                {**custom_config, constants.ENABLE_VERTEX_KEY: True, TRAINING_ARGS_KEY: dict(job)},
                sort_keys=True,
            ),
            code_digest=code_digest,
            base_model=base_model,
            model=types.Channel(type=standard_artifacts.Model),
            model_run=types.Channel(type=standard_artifacts.ModelRun),
            **values,
        )
        init_component(self, spec)


class InPlaceTrainer(VertexTrainer):
    """Trains in its own container, where no custom jobs are: Kubeflow Pipelines.

    Component outputs contains: as VertexTrainer's.
    """

    EXECUTOR_SPEC = executor_spec.ExecutorClassSpec(executor.InPlaceExecutor)
