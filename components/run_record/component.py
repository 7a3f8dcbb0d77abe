"""The RunRecord component: an exit handler."""

from typing import ClassVar

from tfx.dsl.components.base import base_component, executor_spec
from tfx.orchestration.kubeflow.decorators import FinalStatusStr
from tfx.types.component_spec import ChannelParameter, ComponentSpec, ExecutionParameter

from components.run_record import executor


class RunRecordSpec(ComponentSpec):
    """What goes in; nothing comes out but a file.

    The run's parameters come as well: the compiler adds them, because TFX's takes none for an exit
    handler (tfx/orchestration/kubeflow/v2/pipeline_builder.py builds it out of its context).
    """

    PARAMETERS = {
        "final_status": ExecutionParameter(type=str),
        "record_root": ExecutionParameter(type=str),
        "recipe": ExecutionParameter(type=str),
    }
    INPUTS: ClassVar[dict[str, ChannelParameter]] = {}
    OUTPUTS: ClassVar[dict[str, ChannelParameter]] = {}


class RunRecord(base_component.BaseComponent):
    """Runs when all else has ended, well or not, and writes down how: `run.json`.

    Component outputs contains: nothing.
    """

    SPEC_CLASS = RunRecordSpec
    EXECUTOR_SPEC = executor_spec.ExecutorClassSpec(executor.Executor)

    def __init__(self, *, recipe: str, record_root: str) -> None:
        """Describes the step.

        Args:
            recipe: the recipe's name.
            record_root: folder of all records.
        """
        spec = RunRecordSpec(final_status=FinalStatusStr(), record_root=record_root, recipe=recipe)
        super().__init__(spec=spec)
