"""Declare the RunRecord component, an exit handler."""

from typing import ClassVar

from tfx.dsl.components.base import base_component, executor_spec
from tfx.orchestration.kubeflow.decorators import FinalStatusStr
from tfx.types.component_spec import ChannelParameter, ComponentSpec, ExecutionParameter

from components.run_record import executor
from components.tfx_internals.component_init import SpecComponent


class RunRecordSpec(ComponentSpec):
    """Parameters of RunRecord, which has no output artifacts.

    Our compiler adds the run's parameters, because TFX's compiler passes none to an exit handler
    (tfx/orchestration/kubeflow/v2/pipeline_builder.py).
    """

    PARAMETERS = {
        "final_status": ExecutionParameter(type=str),
        "record_root": ExecutionParameter(type=str),
        "recipe": ExecutionParameter(type=str),
        "topic": ExecutionParameter(type=str),
        "webhook_secret": ExecutionParameter(type=str),
    }
    INPUTS: ClassVar[dict[str, ChannelParameter]] = {}
    OUTPUTS: ClassVar[dict[str, ChannelParameter]] = {}


class RunRecord(SpecComponent, base_component.BaseComponent):
    """Write the state of a run to `run.json` after all other tasks, even if they failed.

    Example:
        runner.set_exit_handler(RunRecord(recipe="demo", record_root="gs://bucket/runs"))

    Outputs: none.
    """

    SPEC_CLASS = RunRecordSpec
    EXECUTOR_SPEC = executor_spec.ExecutorClassSpec(executor.Executor)

    def __init__(
        self, *, recipe: str, record_root: str, topic: str = "", webhook_secret: str = ""
    ) -> None:
        """Build the component.

        Args:
            recipe: name of the pipeline.
            record_root: folder of all run records.
            topic: Pub/Sub topic that receives a message per run; "" for none.
            webhook_secret: secret with the address of a webhook that receives one; "" for none.
        """
        super().__init__(
            final_status=FinalStatusStr(),
            record_root=record_root,
            recipe=recipe,
            topic=topic,
            webhook_secret=webhook_secret,
        )
