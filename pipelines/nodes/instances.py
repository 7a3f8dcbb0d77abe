"""Make the nodes that turn documents into validated instances, for each training phase."""

from dataclasses import dataclass
from typing import Any

from tfx.dsl.components.base import base_node
from tfx.types.channel import BaseChannel

from components.code_digest import executor_digest
from components.corpus_report.component import CorpusReportGen
from components.example_validator.component import ExampleValidator
from components.instance_export.component import InstanceExport
from components.instance_gen.component import InstanceGen
from components.instance_import.component import InstanceImport
from components.instance_import.import_records import records_digest
from components.statistics_gen.component import StatisticsGen
from pipelines.nodes.text import TextNodes, make_statistics, make_validator
from pipelines.recipe.settings import Recipe
from pipelines.run_environment import Platform


@dataclass(frozen=True, kw_only=True)
class PhaseNodes:
    """The nodes that make and validate the instances of one training phase."""

    instances: InstanceGen | InstanceImport
    statistics: StatisticsGen
    validator: ExampleValidator

    @property
    def channel(self) -> BaseChannel:
        """The instances."""
        return self.instances.outputs["instances"]

    def in_order(self) -> list[base_node.BaseNode]:
        """List the nodes."""
        return [self.instances, self.statistics, self.validator]


def make_instance_nodes(recipe: Recipe, platform: Platform, text: TextNodes) -> list[PhaseNodes]:
    """Make the nodes of every phase; phases differ in the length of their instances."""
    phases = []
    for number, instance_settings in enumerate(recipe.instances_by_phase(), start=1):
        of_phase = recipe.model_copy(update={"instances": instance_settings})
        instances = _make_instances(of_phase, platform, text)
        suffix = ""
        if number > 1:
            suffix = f"Phase{number}"
            instances = instances.with_id(f"InstanceGen{suffix}")
        channel = instances.outputs["instances"]
        statistics = make_statistics(channel, f"InstanceStatistics{suffix}")
        schema = instances.outputs["schema"]
        validator = make_validator(statistics, schema, f"InstanceValidator{suffix}")
        phases.append(PhaseNodes(instances=instances, statistics=statistics, validator=validator))
    return phases


def _make_instances(
    recipe: Recipe, platform: Platform, text: TextNodes
) -> InstanceGen | InstanceImport:
    """Cut the text into instances, or import those that another system made."""
    settings: dict[str, Any] = {
        "vocabulary": text.vocabulary.outputs["vocabulary"],
        "instance_settings": recipe.instances.model_dump_json(),
        "masking_settings": recipe.masking.model_dump_json(),
        "seed": platform.seed or recipe.seed,
    }
    if records := recipe.instances.import_from:
        return InstanceImport(
            records_digest=records_digest(records),
            code_digest=executor_digest(InstanceImport),
            **settings,
        )
    documents = text.documents.outputs["examples"]
    return InstanceGen(documents=documents, code_digest=executor_digest(InstanceGen), **settings)


def make_report(recipe: Recipe, text: TextNodes, phase: PhaseNodes) -> CorpusReportGen:
    """Make the node that writes the HTML report on documents, vocabulary and instances."""
    return CorpusReportGen(
        documents=text.documents.outputs["examples"],
        vocabulary=text.vocabulary.outputs["vocabulary"],
        instances=phase.channel,
        report_settings=recipe.report.model_dump_json(),
        code_digest=executor_digest(CorpusReportGen),
    )


def make_export(recipe: Recipe, phase: PhaseNodes) -> InstanceExport | None:
    """Make the node that exports instances to another system, if the recipe asks for it."""
    if recipe.export is None:
        return None
    export = InstanceExport(
        instances=phase.channel,
        export_settings=recipe.export.model_dump_json(),
        code_digest=executor_digest(InstanceExport),
    )
    export.add_upstream_node(phase.validator)
    return export
