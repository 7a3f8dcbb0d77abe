"""Declare the VertexTrainer component: it trains in a custom job on Vertex AI."""

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
from tfx.types.component_spec import ExecutionParameter

from components.phased_trainer.component import PhasedTrainerSpec
from components.tfx_internals.component_init import SpecComponent
from components.vertex_trainer import executor
from components.vertex_trainer.settings import LaunchSettings


class VertexTrainerSpec(PhasedTrainerSpec):
    """The local Trainer's spec, plus the values given at submission."""

    PARAMETERS = {
        **PhasedTrainerSpec.PARAMETERS,
        "project": ExecutionParameter(type=str),
        "region": ExecutionParameter(type=str),
        "service_account": ExecutionParameter(type=str),
        "network": ExecutionParameter(type=str),
        "checkpoint_root": ExecutionParameter(type=str),
        "steps": ExecutionParameter(type=int),
        "warmup_steps": ExecutionParameter(type=int),
        "learning_rate": ExecutionParameter(type=float),
        "global_batch_size": ExecutionParameter(type=int),
        "seed": ExecutionParameter(type=int),
        "model_size": ExecutionParameter(type=str),
        "code_digest": ExecutionParameter(type=str),
    }


class VertexTrainer(SpecComponent, tfx_trainer.Trainer):
    """Start a custom job that trains, and wait for it.

    The settings are those of the local Trainer (`custom_config`). Values of the submission replace
    some of them, and are checked before a machine is started.

    Example:
        trainer = VertexTrainer(
            examples=instances.outputs["instances"],
            run_fn="trainer.run_fn.run_fn",
            custom_config={"training": settings.model_dump_json()},
            job={"display_name": "demo", "labels": {}, "job_spec": job_spec},
            launch=LaunchSettings(),
            code_digest=executor_digest(VertexTrainer),
            values={"steps": RuntimeParameter(name="steps", ptype=int), ...},
        )

    Outputs:
        model: `standard_artifacts.Model`.
        model_run: `standard_artifacts.ModelRun`: TensorBoard's event files.
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
        launch: LaunchSettings,
        code_digest: str,
        values: Mapping[str, str | RuntimeParameter],
        base_model: types.BaseChannel | None = None,
        phases: Mapping[str, types.BaseChannel] | None = None,
    ) -> None:
        """Declare the node.

        Args:
            examples: InstanceGen's instances.
            run_fn: dotted path of the training function.
            custom_config: as for TFX's Trainer; `training` is `TrainingSettings` as JSON.
            job: `display_name`, `labels` and `job_spec` of the CustomJob.
            launch: how long to wait for a machine, and through an outage.
            code_digest: digest of the executor that starts the job; the trainer's is in `training`.
            values: values known only at submission, by the names in `VertexTrainerSpec`.
            base_model: a model to start from.
            phases: instances of the later phases, as for `PhasedTrainer`.
        """
        super().__init__(
            examples=examples,
            **(phases or {}),
            run_fn=run_fn,
            train_args=trainer_pb2.TrainArgs(),
            eval_args=trainer_pb2.EvalArgs(),
            custom_config=json.dumps(
                {
                    **custom_config,
                    constants.ENABLE_VERTEX_KEY: True,
                    TRAINING_ARGS_KEY: dict(job),
                    executor.LAUNCH: launch.model_dump(),
                },
                sort_keys=True,
            ),
            code_digest=code_digest,
            base_model=base_model,
            **values,
        )


class InPlaceTrainer(VertexTrainer):
    """Train in the task's own container, for Kubeflow Pipelines, which has no custom jobs.

    Outputs: the same as VertexTrainer's.
    """

    EXECUTOR_SPEC = executor_spec.ExecutorClassSpec(executor.InPlaceExecutor)
