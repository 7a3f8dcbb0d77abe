"""Define CorpusReportGen, the component that writes the corpus report."""

from tfx.dsl.components.base import base_component, executor_spec
from tfx.types import standard_artifacts
from tfx.types.component_spec import ChannelParameter, ComponentSpec, ExecutionParameter

from components.artifacts import CorpusReport, Vocabulary
from components.corpus_report.executor import Executor
from components.tfx_internals.component_init import SpecComponent


class CorpusReportGenSpec(ComponentSpec):
    """Declare parameters, inputs and outputs."""

    PARAMETERS = {
        "report_settings": ExecutionParameter(type=str),  # ReportSettings as JSON
        "code_digest": ExecutionParameter(type=str),  # of the executor's code, for TFX's cache key
    }
    INPUTS = {
        "documents": ChannelParameter(type=standard_artifacts.Examples),
        "vocabulary": ChannelParameter(type=Vocabulary),
        "instances": ChannelParameter(type=standard_artifacts.Examples),
    }
    OUTPUTS = {"report": ChannelParameter(type=CorpusReport)}


class CorpusReportGen(SpecComponent, base_component.BaseComponent):
    """Writes one HTML file that describes the text a model is trained on.

    Example:
        report = CorpusReportGen(
            documents=example_gen.outputs["examples"],
            vocabulary=vocabulary_gen.outputs["vocabulary"],
            instances=instance_gen.outputs["instances"],
            report_settings=ReportSettings(show_text=True).model_dump_json(),
            code_digest=code_digest("components.corpus_report.executor"),
        )

    Outputs:
        report: `components.CorpusReport`, a folder with `report.html`.
    """

    SPEC_CLASS = CorpusReportGenSpec
    EXECUTOR_SPEC = executor_spec.ExecutorClassSpec(Executor)
