"""Define CorpusReportGen, the component that writes the corpus report."""

from tfx import types
from tfx.dsl.components.base import base_component, executor_spec
from tfx.types import component_spec, standard_artifacts

from components.artifacts import CorpusReport, Vocabulary
from components.corpus_report.executor import Executor


class CorpusReportGenSpec(types.ComponentSpec):
    """Declare parameters, inputs and outputs."""

    PARAMETERS = {
        "report_settings": component_spec.ExecutionParameter(type=str),
        "code_digest": component_spec.ExecutionParameter(type=str),
    }
    INPUTS = {
        "documents": component_spec.ChannelParameter(type=standard_artifacts.Examples),
        "vocabulary": component_spec.ChannelParameter(type=Vocabulary),
        "instances": component_spec.ChannelParameter(type=standard_artifacts.Examples),
    }
    OUTPUTS = {"report": component_spec.ChannelParameter(type=CorpusReport)}


class CorpusReportGen(base_component.BaseComponent):
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

    def __init__(
        self,
        *,
        documents: types.BaseChannel,
        vocabulary: types.BaseChannel,
        instances: types.BaseChannel,
        report_settings: str,
        code_digest: str,
    ) -> None:
        """Build the component.

        Args:
            documents: `examples` of TextExampleGen.
            vocabulary: the vocabulary of the instances.
            instances: `instances` of InstanceGen.
            report_settings: `ReportSettings` as JSON.
            code_digest: digest of the executor's code, for the cache key.
        """
        spec = CorpusReportGenSpec(
            documents=documents,
            vocabulary=vocabulary,
            instances=instances,
            report_settings=report_settings,
            code_digest=code_digest,
            report=types.Channel(type=CorpusReport),
        )
        super().__init__(spec=spec)
