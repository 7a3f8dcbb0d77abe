"""A recipe and places to the one DAG, which every runner runs."""

from dataclasses import dataclass
from typing import Any, Literal, Protocol

from tfx.components import SchemaGen, StatisticsGen, Trainer
from tfx.dsl.components.base import base_node
from tfx.dsl.components.common.resolver import Resolver
from tfx.dsl.input_resolution.strategies.latest_blessed_model_strategy import (
    LatestBlessedModelStrategy,
)
from tfx.orchestration import metadata
from tfx.orchestration.data_types import RuntimeParameter
from tfx.orchestration.pipeline import Pipeline
from tfx.proto import range_config_pb2
from tfx.types import standard_artifacts
from tfx.types.channel import BaseChannel, Channel

from components.code_digest import code_digest
from components.corpus_report.component import CorpusReportGen
from components.example_validator.component import ExampleValidator
from components.instance_export.component import InstanceExport
from components.instance_gen.component import InstanceGen
from components.instance_import.component import InstanceImport
from components.instance_import.importing import records_digest
from components.model_card.component import ModelCardGen
from components.model_evaluator.baseline import LatestOtherBlessedModelStrategy
from components.model_evaluator.component import ModelEvaluator
from components.phased_trainer.component import PhasedTrainer
from components.phased_trainer.executor import PHASE_EXAMPLES
from components.publisher.component import Publisher
from components.settings import ModelCardSettings
from components.text_example_gen.component import TextExampleGen
from components.vocabulary_gen.component import VocabularyGen
from core.settings import LATEST_BLESSED
from pipelines.recipe.settings import Recipe
from trainer.settings.training import TrainingSettings
from trainer.warm_start.files import start_key
from trainer.warm_start.start import check_start

RUN_FN = "trainer.run_fn.run_fn"


@dataclass(frozen=True)
class Places:
    """Where a pipeline reads and writes; local folders or gs:// paths."""

    input_base: str | RuntimeParameter  # folder that all text lies under
    patterns: tuple[str, ...]  # globs under it; one of them may hold {SPAN}
    pipeline_root: str
    checkpoint_root: str
    destination: str  # folder of the published models
    span: int | RuntimeParameter | None = None  # of the text; None takes the newest
    metadata_path: str | None = None  # SQLite file; None where the platform keeps the metadata


class TrainerMaker(Protocol):
    """Makes the node that trains."""

    def __call__(
        self,
        *,
        examples: BaseChannel,
        run_fn: str,
        custom_config: dict[str, Any],
        base_model: BaseChannel | None,
        phases: dict[str, BaseChannel],
    ) -> base_node.BaseNode:
        """As TFX's Trainer; `phases` are the instances of later phases, by PHASE_EXAMPLES."""


def train_here(
    *, phases: dict[str, BaseChannel], base_model: BaseChannel | None, **arguments: Any
) -> base_node.BaseNode:
    """TFX's Trainer, or ours where there are phases."""
    if phases:
        return PhasedTrainer(phases=phases, base_model=base_model, **arguments)
    return Trainer(base_model=base_model, **arguments)


@dataclass(frozen=True)
class Platform:
    """What runs the pipeline. The default is this machine."""

    trainer: TrainerMaker = train_here
    seed: RuntimeParameter | None = None  # given at submission; None: the recipe's
    # flags of the Beam nodes; None: as many processes as the recipe says
    beam_args: tuple[str, ...] | None = None
    # which resolvers it runs: Vertex AI knows TFX's two by name and runs no code; Kubeflow none
    resolvers: Literal["ours", "tfx", "none"] = "ours"


def create_pipeline(recipe: Recipe, places: Places, platform: Platform | None = None) -> Pipeline:
    """Text to a published encoder.

    Args:
        recipe: every setting.
        places: every folder.
        platform: what runs it; None: this machine.

    Returns:
        The pipeline, with caching on. What fails validation stops what comes after it.
    """
    platform = platform or Platform()
    data = _data_nodes(recipe, places, platform)
    model = _model_nodes(recipe, places, platform, data)
    return Pipeline(
        pipeline_name=recipe.name,
        pipeline_root=places.pipeline_root,
        components=[*data.values(), *model.values()],
        enable_cache=True,
        metadata_connection_config=places.metadata_path
        and metadata.sqlite_metadata_connection_config(places.metadata_path),
        beam_pipeline_args=_beam_args(recipe.beam.workers, platform),
    )


Nodes = dict[str, base_node.BaseNode]


def _data_nodes(recipe: Recipe, places: Places, platform: Platform) -> Nodes:
    """Text to validated documents and instances, and the report on both."""
    documents = TextExampleGen(
        input_base=places.input_base,
        patterns=places.patterns,
        text_settings=recipe.text.model_dump_json(),
        code_digest=_digest_of(TextExampleGen),
        range_config=_range_of(places.span),
        text_span=places.span if isinstance(places.span, RuntimeParameter) else None,
    )
    statistics = StatisticsGen(examples=documents.outputs["examples"]).with_id("DocumentStatistics")
    schema = SchemaGen(statistics=statistics.outputs["statistics"], infer_feature_shape=False)
    validator = _validator(statistics, schema.outputs["schema"], "DocumentValidator")
    base = _base_model(recipe)
    vocabulary = VocabularyGen(
        documents=documents.outputs["examples"],
        vocabulary_settings=recipe.vocabulary.model_dump_json(),
        code_digest=_digest_of(VocabularyGen),
        base_model=_if_asked(recipe.vocabulary.import_from, base),
    )
    vocabulary.add_upstream_node(validator)
    instances = _instances(recipe, platform, documents, vocabulary)
    instance_statistics = StatisticsGen(examples=instances.outputs["instances"])
    instance_statistics = instance_statistics.with_id("InstanceStatistics")
    report = CorpusReportGen(
        documents=documents.outputs["examples"],
        vocabulary=vocabulary.outputs["vocabulary"],
        instances=instances.outputs["instances"],
        report_settings=recipe.report.model_dump_json(),
        code_digest=_digest_of(CorpusReportGen),
    )
    nodes: Nodes = {
        **base,
        "documents": documents,
        "statistics": statistics,
        "schema": schema,
        "validator": validator,
        "vocabulary": vocabulary,
        "instances": instances,
        "instance_statistics": instance_statistics,
        "instance_validator": _validator(
            instance_statistics, instances.outputs["schema"], "InstanceValidator"
        ),
        "report": report,
    }
    if recipe.export:
        export = InstanceExport(
            instances=instances.outputs["instances"],
            export_settings=recipe.export.model_dump_json(),
            code_digest=_digest_of(InstanceExport),
        )
        export.add_upstream_node(nodes["instance_validator"])
        nodes["export"] = export
    for number in _later_phases(recipe):
        nodes |= _phase_nodes(number, recipe, platform, documents, vocabulary)
    return nodes


def _later_phases(recipe: Recipe) -> range:
    """Their numbers, from 2 on."""
    return range(2, 2 + len(recipe.trainer.phases))


def _phase_nodes(
    number: int,
    recipe: Recipe,
    platform: Platform,
    documents: TextExampleGen,
    vocabulary: VocabularyGen,
) -> Nodes:
    """Validated instances of a later phase's length."""
    of_phase = recipe.model_copy(update={"instances": recipe.instances_by_phase()[number - 1]})
    instances = _instances(of_phase, platform, documents, vocabulary)
    instances = instances.with_id(f"InstanceGenPhase{number}")
    statistics = StatisticsGen(examples=instances.outputs["instances"])
    statistics = statistics.with_id(f"InstanceStatisticsPhase{number}")
    schema, node_id = instances.outputs["schema"], f"InstanceValidatorPhase{number}"
    return {
        f"instances_{number}": instances,
        f"instance_statistics_{number}": statistics,
        f"instance_validator_{number}": _validator(statistics, schema, node_id),
    }


def _instances(
    recipe: Recipe, platform: Platform, documents: TextExampleGen, vocabulary: VocabularyGen
) -> InstanceGen | InstanceImport:
    """Instances of the text, or those that another system made."""
    settings: dict[str, Any] = {
        "vocabulary": vocabulary.outputs["vocabulary"],
        "instance_settings": recipe.instances.model_dump_json(),
        "masking_settings": recipe.masking.model_dump_json(),
        "seed": platform.seed or recipe.seed,
    }
    if records := recipe.instances.import_from:
        return InstanceImport(
            records_digest=records_digest(records),
            code_digest=_digest_of(InstanceImport),
            **settings,
        )
    return InstanceGen(
        documents=documents.outputs["examples"], code_digest=_digest_of(InstanceGen), **settings
    )


def _model_nodes(recipe: Recipe, places: Places, platform: Platform, data: Nodes) -> Nodes:
    """Validated instances to a trained, evaluated and published model."""
    first, *later = (
        data[key].outputs["instances"]
        for key in ("instances", *(f"instances_{n}" for n in _later_phases(recipe)))
    )
    instances = [first, *later][-1]  # what the model is for, and measured on
    training = TrainingSettings(
        model=recipe.model,
        masking=recipe.masking,
        trainer=recipe.trainer,
        seed=recipe.seed,
        checkpoint_root=places.checkpoint_root,
        code_digest=code_digest(RUN_FN.rpartition(".")[0]),
    )
    custom_config = {"training": training.model_dump_json()}
    if recipe.model.start_from not in (None, LATEST_BLESSED):
        check_start(recipe.model)  # Now, and not when text and instances are made.
        # TFX's cache key would see the folder's name alone.
        custom_config["start_digest"] = start_key(recipe.model)
    trainer = platform.trainer(
        examples=first,
        run_fn=RUN_FN,
        custom_config=custom_config,
        base_model=_if_asked(recipe.model.start_from, data),
        phases=dict(zip(PHASE_EXAMPLES, later, strict=False)),
    ).with_id("Trainer")
    for key in ("instance_validator", *(f"instance_validator_{n}" for n in _later_phases(recipe))):
        trainer.add_upstream_node(data[key])
    model = trainer.outputs["model"]
    baseline = {} if platform.resolvers == "none" else {"baseline": _baseline(model, platform)}
    evaluator = ModelEvaluator(
        model=model,
        instances=instances,
        baseline_model=baseline["baseline"].outputs["model"] if baseline else None,
        evaluation_settings=recipe.evaluation.model_dump_json(),
        seed=platform.seed or recipe.seed,
        code_digest=_digest_of(ModelEvaluator),
    )
    card = ModelCardGen(
        model=model,
        evaluation=evaluator.outputs["evaluation"],
        blessing=evaluator.outputs["blessing"],
        documents=data["documents"].outputs["examples"],
        vocabulary=data["vocabulary"].outputs["vocabulary"],
        instances=instances,
        card_settings=_card_settings(recipe),
        code_digest=_digest_of(ModelCardGen),
    )
    publisher = Publisher(
        model=model,
        model_blessing=evaluator.outputs["blessing"],
        model_card=card.outputs["model_card"],
        destination=places.destination,
        code_digest=_digest_of(Publisher),
    ).with_id("Pusher")
    return {
        "trainer": trainer,
        **baseline,
        "evaluator": evaluator,
        "card": card,
        "publisher": publisher,
    }


def _base_model(recipe: Recipe) -> Nodes:
    """What finds the latest blessed model, for a recipe that begins with its words or weights."""
    if LATEST_BLESSED not in (recipe.vocabulary.import_from, recipe.model.start_from):
        return {}
    resolver = Resolver(
        strategy_class=LatestBlessedModelStrategy,
        model=Channel(type=standard_artifacts.Model),
        model_blessing=Channel(type=standard_artifacts.ModelBlessing),
    )
    return {"base": resolver.with_id("BaseModel")}


def _if_asked(setting: str | None, nodes: Nodes) -> BaseChannel | None:
    return nodes["base"].outputs["model"] if setting == LATEST_BLESSED else None


def _baseline(candidate: BaseChannel, platform: Platform) -> Resolver:
    """The model that the candidate has to beat."""
    channels = {
        "model": Channel(type=standard_artifacts.Model),
        "model_blessing": Channel(type=standard_artifacts.ModelBlessing),
    }
    strategy = LatestBlessedModelStrategy
    if platform.resolvers == "ours":
        strategy = LatestOtherBlessedModelStrategy
        channels["candidate"] = candidate
    return Resolver(strategy_class=strategy, **channels).with_id("LatestBlessedModel")


def _validator(statistics: StatisticsGen, schema: BaseChannel, node_id: str) -> ExampleValidator:
    return ExampleValidator(
        statistics=statistics.outputs["statistics"],
        schema=schema,
        code_digest=_digest_of(ExampleValidator),
    ).with_id(node_id)


def _range_of(span: int | RuntimeParameter | None) -> range_config_pb2.RangeConfig | None:
    if not isinstance(span, int):
        return None
    return range_config_pb2.RangeConfig(
        static_range=range_config_pb2.StaticRange(start_span_number=span, end_span_number=span)
    )


def _digest_of(component: type[base_node.BaseNode]) -> str:
    """The digest of a component's executor and of all that it imports of ours."""
    return code_digest(component.__module__.replace(".component", ".executor"))


def _card_settings(recipe: Recipe) -> str:
    settings = ModelCardSettings(
        recipe=recipe.name,
        description=recipe.description,
        license=recipe.card.license,
        notes=recipe.card.notes,
        language=recipe.text.language,
    )
    return settings.model_dump_json()


def _beam_args(workers: int, platform: Platform) -> list[str]:
    """Beam's flags: the platform's, or those of so many processes on one machine."""
    return local_beam_args(workers) if platform.beam_args is None else list(platform.beam_args)


def local_beam_args(workers: int) -> list[str]:
    """Beam's flags for so many processes on this machine.

    None for one process: any flag makes TFX build a source package of itself for each component
    (tfx/dsl/components/base/base_beam_executor.py); a container flag, which a local run ignores,
    prevents that.
    """
    if workers == 1:
        return []
    return [
        f"--direct_num_workers={workers}",
        "--direct_running_mode=multi_processing",
        "--sdk_container_image=unused",
    ]
