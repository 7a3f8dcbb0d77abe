"""Make the nodes that train, evaluate, describe and publish the model."""

from tfx.dsl.components.base import base_node
from tfx.dsl.components.common.resolver import Resolver
from tfx.dsl.input_resolution.strategies.latest_blessed_model_strategy import (
    LatestBlessedModelStrategy,
)
from tfx.types.channel import BaseChannel

from components.code_digest import code_digest, executor_digest
from components.downstream_evaluator.component import DownstreamEvaluator
from components.downstream_evaluator.read_task import read_task, tasks_digest
from components.evaluation_settings import DownstreamSettings
from components.model_card.component import ModelCardGen
from components.model_evaluator.baseline import LatestOtherBlessedModelStrategy
from components.model_evaluator.component import ModelEvaluator
from components.phased_trainer.executor import PHASE_EXAMPLES, TASKS
from components.publisher.component import Publisher
from components.settings import ModelCardSettings
from core.settings import LATEST_BLESSED
from pipelines.nodes.instances import PhaseNodes
from pipelines.nodes.text import TextNodes, blessed_model_channels, latest_blessed_if
from pipelines.recipe.settings import Recipe
from pipelines.run_environment import Locations, Platform
from trainer.downstream.examples import check_positions
from trainer.settings.training import TrainingSettings
from trainer.warm_start.digests import start_key
from trainer.warm_start.start import check_start, check_start_vocabulary

RUN_FN = "trainer.run_fn.run_fn"


def make_model_nodes(
    recipe: Recipe,
    locations: Locations,
    platform: Platform,
    text: TextNodes,
    phases: list[PhaseNodes],
) -> list[base_node.BaseNode]:
    """Make the nodes from instances to a published model, in the order of the flow."""
    _check_tasks_and_start(recipe)
    trainer = _make_trainer(recipe, locations, platform, text, phases)
    model = trainer.outputs["model"]
    instances = phases[-1].channel  # of the length that the model is used at
    baseline = None if platform.resolvers == "none" else _find_baseline(model, platform)
    latest = baseline.outputs["model"] if baseline else None
    downstream = _evaluate_downstream(recipe, model, latest)
    evaluator = ModelEvaluator(
        model=model,
        instances=instances,
        baseline_model=latest,
        downstream_evaluation=downstream and downstream.outputs["downstream_evaluation"],
        evaluation_settings=recipe.evaluation.blessing_json(),
        seed=platform.seed or recipe.seed,
        code_digest=executor_digest(ModelEvaluator),
    )
    card = ModelCardGen(
        model=model,
        evaluation=evaluator.outputs["evaluation"],
        blessing=evaluator.outputs["blessing"],
        documents=text.documents.outputs["examples"],
        vocabulary=text.vocabulary.outputs["vocabulary"],
        instances=instances,
        card_settings=_card_settings(recipe).model_dump_json(),
        code_digest=executor_digest(ModelCardGen),
    )
    publisher = Publisher(
        model=model,
        model_blessing=evaluator.outputs["blessing"],
        model_card=card.outputs["model_card"],
        destination=locations.destination,
        **({"registry": locations.registry} if locations.registry else {}),
        code_digest=executor_digest(Publisher),
    ).with_id("Pusher")
    optional = [node for node in (baseline, downstream) if node]
    return [trainer, *optional, evaluator, card, publisher]


def _check_tasks_and_start(recipe: Recipe) -> None:
    """Refuse bad examples and folders, before text and instances are made."""
    tasks = [read_task(task) for task in recipe.evaluation.tasks]
    if recipe.model.start_from not in (None, LATEST_BLESSED):
        start = str(recipe.model.start_from)
        positions = check_start(recipe.model).max_position
        check_start_vocabulary(start, recipe.vocabulary.import_from)
        for task in tasks:
            check_positions(task, positions, f"{start}: the model")


def _evaluate_downstream(
    recipe: Recipe, model: BaseChannel, latest: BaseChannel | None
) -> DownstreamEvaluator | None:
    """Make the node that evaluates the model on labeled tasks, if the recipe names any."""
    settings = recipe.evaluation.downstream()
    if not settings.tasks:
        return None
    return DownstreamEvaluator(
        model=model,
        baseline_model=latest,
        downstream_settings=settings.model_dump_json(),
        tasks_digest=tasks_digest(settings.tasks),
        code_digest=executor_digest(DownstreamEvaluator),
    )


def _make_trainer(
    recipe: Recipe,
    locations: Locations,
    platform: Platform,
    text: TextNodes,
    phases: list[PhaseNodes],
) -> base_node.BaseNode:
    training = TrainingSettings(
        model=recipe.model,
        masking=recipe.masking,
        trainer=recipe.trainer,
        seed=recipe.seed,
        checkpoint_root=locations.checkpoint_root,
        code_digest=code_digest(RUN_FN.rpartition(".")[0]),
    )
    custom_config = {"training": training.model_dump_json(), **_tasks_during_training(recipe)}
    if recipe.model.start_from not in (None, LATEST_BLESSED):
        # TFX's cache key would hold the folder's name alone.
        custom_config["start_digest"] = start_key(recipe.model)
    first, *later = phases
    trainer = platform.trainer(
        examples=first.channel,
        run_fn=RUN_FN,
        custom_config=custom_config,
        base_model=latest_blessed_if(recipe.model.start_from, text.base_model),
        phases=dict(zip(PHASE_EXAMPLES, (phase.channel for phase in later), strict=False)),
    ).with_id("Trainer")
    for phase in phases:
        trainer.add_upstream_node(phase.validator)
    return trainer


def _tasks_during_training(recipe: Recipe) -> dict[str, str]:
    """Return the tasks of `trainer.evaluate_tasks`, whose examples are part of the cache key."""
    names = recipe.trainer.evaluate_tasks
    tasks = tuple(task for task in recipe.evaluation.downstream().tasks if task.name in names)
    if not tasks:
        return {}
    settings = DownstreamSettings(tasks=tasks).model_dump_json(exclude={"fine_tuning"})
    return {TASKS: settings, "tasks_digest": tasks_digest(tasks)}


def _find_baseline(candidate: BaseChannel, platform: Platform) -> Resolver:
    """Make the resolver of the model that the candidate has to beat."""
    channels: dict[str, BaseChannel] = {**blessed_model_channels()}
    strategy = LatestBlessedModelStrategy
    if platform.resolvers == "ours":
        strategy = LatestOtherBlessedModelStrategy
        channels["candidate"] = candidate
    return Resolver(strategy_class=strategy, **channels).with_id("LatestBlessedModel")


def _card_settings(recipe: Recipe) -> ModelCardSettings:
    return ModelCardSettings(
        recipe=recipe.name,
        description=recipe.description,
        license=recipe.card.license,
        notes=recipe.card.notes,
        language=recipe.text.language,
    )
