"""Make the nodes that turn text into validated documents and a vocabulary."""

from dataclasses import dataclass

from tfx.components import SchemaGen
from tfx.dsl.components.base import base_node
from tfx.dsl.components.common.resolver import Resolver
from tfx.dsl.input_resolution.strategies.latest_blessed_model_strategy import (
    LatestBlessedModelStrategy,
)
from tfx.orchestration.data_types import RuntimeParameter
from tfx.proto import range_config_pb2
from tfx.types import standard_artifacts
from tfx.types.channel import BaseChannel, Channel

from components.code_digest import executor_digest
from components.downstream_evaluator.read_task import eval_digest
from components.evaluation_settings import EvaluationSettings
from components.example_validator.component import ExampleValidator
from components.statistics_gen.component import StatisticsGen
from components.text_example_gen.component import TextExampleGen
from components.text_example_gen.contamination import HeldOutFile, HeldOutTexts
from components.vocabulary_gen.component import VocabularyGen
from core.settings import LATEST_BLESSED
from pipelines.recipe.settings import Recipe
from pipelines.run_environment import Locations


@dataclass(frozen=True, kw_only=True)
class TextNodes:
    """The nodes from text to documents and vocabulary, in the order of the flow."""

    base_model: Resolver | None  # the latest blessed model, if the recipe starts from it
    documents: TextExampleGen
    statistics: StatisticsGen
    schema: SchemaGen
    validator: ExampleValidator
    vocabulary: VocabularyGen

    def in_order(self) -> list[base_node.BaseNode]:
        """List the nodes."""
        nodes = (self.documents, self.statistics, self.schema, self.validator, self.vocabulary)
        return [*([self.base_model] if self.base_model else []), *nodes]


def make_text_nodes(recipe: Recipe, locations: Locations) -> TextNodes:
    """Make the nodes that read, validate and tokenize the text."""
    documents = TextExampleGen(
        input_base=locations.input_base,
        patterns=locations.patterns,
        text_settings=recipe.text.without_paths().model_dump_json(),
        code_digest=executor_digest(TextExampleGen),
        range_config=_span_range(locations.span),
        text_span=locations.span if isinstance(locations.span, RuntimeParameter) else None,
        held_out_texts=_held_out_texts(recipe.evaluation),
    )
    statistics = make_statistics(documents.outputs["examples"], "DocumentStatistics")
    schema = SchemaGen(statistics=statistics.outputs["statistics"], infer_feature_shape=False)
    validator = make_validator(statistics, schema.outputs["schema"], "DocumentValidator")
    base_model = _find_base_model(recipe)
    vocabulary = VocabularyGen(
        documents=documents.outputs["examples"],
        vocabulary_settings=recipe.vocabulary.model_dump_json(),
        code_digest=executor_digest(VocabularyGen),
        base_model=latest_blessed_if(recipe.vocabulary.import_from, base_model),
    )
    vocabulary.add_upstream_node(validator)
    return TextNodes(
        base_model=base_model,
        documents=documents,
        statistics=statistics,
        schema=schema,
        validator=validator,
        vocabulary=vocabulary,
    )


def _held_out_texts(evaluation: EvaluationSettings) -> str | None:
    """Return what documents are compared with, as JSON; None if the recipe does not ask."""
    if evaluation.decontaminate is None:
        return None
    files = (
        HeldOutFile(eval=task.eval, columns=tuple(c for c in (task.text, task.text_pair) if c))
        for task in evaluation.tasks
    )
    return HeldOutTexts(
        files=tuple(files),
        digest=eval_digest(evaluation.tasks),
        **evaluation.decontaminate.model_dump(),
    ).model_dump_json()


def make_statistics(examples: BaseChannel, node_id: str) -> StatisticsGen:
    """Make the node that describes documents or instances."""
    statistics = StatisticsGen(examples=examples, code_digest=executor_digest(StatisticsGen))
    return statistics.with_id(node_id)


def make_validator(
    statistics: StatisticsGen, schema: BaseChannel, node_id: str
) -> ExampleValidator:
    """Make the node that stops the pipeline where statistics contradict the schema."""
    return ExampleValidator(
        statistics=statistics.outputs["statistics"],
        schema=schema,
        code_digest=executor_digest(ExampleValidator),
    ).with_id(node_id)


def latest_blessed_if(setting: str | None, base_model: Resolver | None) -> BaseChannel | None:
    """Return the channel of the latest blessed model if a setting asks for that model."""
    if base_model is None or setting != LATEST_BLESSED:
        return None
    return base_model.outputs["model"]


def blessed_model_channels() -> dict[str, Channel]:
    """Return the channels that a resolver of the latest blessed model queries."""
    return {
        "model": Channel(type=standard_artifacts.Model),
        "model_blessing": Channel(type=standard_artifacts.ModelBlessing),
    }


def _find_base_model(recipe: Recipe) -> Resolver | None:
    """Make the resolver of the latest blessed model, for a recipe that starts from it."""
    if LATEST_BLESSED not in (recipe.vocabulary.import_from, recipe.model.start_from):
        return None
    resolver = Resolver(strategy_class=LatestBlessedModelStrategy, **blessed_model_channels())
    return resolver.with_id("BaseModel")


def _span_range(span: int | RuntimeParameter | None) -> range_config_pb2.RangeConfig | None:
    if not isinstance(span, int):
        return None
    return range_config_pb2.RangeConfig(
        static_range=range_config_pb2.StaticRange(start_span_number=span, end_span_number=span)
    )
