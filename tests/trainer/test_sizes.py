"""Every size of the papers is offered, is `transformers`' model, and has its paper's settings."""

import json
from pathlib import Path

import pytest

from components.instance_gen.writing.plan import count_slots
from pipelines.recipe.file import load_recipe, shipped_recipes
from pipelines.recipe.work import compute_work
from tests.transformers_scripts import run_script
from trainer.models.architecture import SIZES, Architecture, resolve_architecture
from trainer.models.electra import GENERATOR
from trainer.models.parameters import ParameterList, count_parameters
from trainer.objectives.choose import make_objective
from trainer.settings.model import ElectraSettings, ModelSettings

SCRIPT = Path(__file__).with_name("parameter_counts.py")
VOCABULARIES = {"bert": 30522, "albert": 30000, "electra": 30522}
OFFERED = {
    "bert": ["tiny", "mini", "small", "medium", "base", "large"],
    "albert": ["base", "large", "xlarge", "xxlarge"],
    "electra": ["small", "base", "large"],
}
CLASSES = {
    "bert": ("BertForPreTraining",),
    "albert": ("AlbertForPreTraining",),
    "electra": ("ElectraForPreTraining", "ElectraForMaskedLM"),
}
SIZE_NAMES = [(kind, size) for kind, sizes in OFFERED.items() for size in sizes]


def architecture_of(kind: str, size: str) -> Architecture:
    settings = ModelSettings(type=kind, size=size)  # type: ignore[arg-type]
    return resolve_architecture(settings, vocab_size=VOCABULARIES[kind], pad_id=0)


def transformers_settings(a: Architecture) -> dict[str, int]:
    return {
        "vocab_size": a.vocab_size,
        "num_hidden_layers": a.num_layers,
        "hidden_size": a.hidden_size,
        "num_attention_heads": a.num_heads,
        "intermediate_size": a.intermediate_size,
        **({} if a.type == "bert" else {"embedding_size": a.embedding_size}),
        "max_position_embeddings": a.max_position,
        "type_vocab_size": a.type_vocab_size,
    }


def halves(kind: str, size: str) -> list[tuple[Architecture, int]]:
    """What each class of `transformers` holds: its shape and our count of its parameters."""
    a = architecture_of(kind, size)
    pair = {"bert": "next_sentence", "albert": "sentence_order"}.get(kind)
    model = make_objective(a, pair, ElectraSettings()).model
    parameters = model.parameters()
    if kind != "electra":
        return [(a, count_parameters(parameters))]
    own = {n: p for n, p in parameters.items() if not n.startswith(GENERATOR)}
    shared = {n: p for n, p in own.items() if ".embeddings." in n}
    generator: ParameterList = {n: p for n, p in parameters.items() if n.startswith(GENERATOR)}
    generator |= shared
    return [(a, count_parameters(own)), (model.generator, count_parameters(generator))]


@pytest.fixture(scope="module")
def theirs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, int]:
    """Counts by "type size class"."""
    jobs = [
        [f"{kind} {size} {name}", name, transformers_settings(a)]
        for kind, size in SIZE_NAMES
        for name, (a, _) in zip(CLASSES[kind], halves(kind, size), strict=True)
    ]
    path = tmp_path_factory.mktemp("counts") / "jobs.json"
    path.write_text(json.dumps(jobs), encoding="utf-8")
    counts: dict[str, int] = json.loads(run_script(SCRIPT, str(path)))
    return counts


def test_every_size_of_the_papers_is_offered() -> None:
    for kind, sizes in OFFERED.items():
        assert set(sizes) <= SIZES[kind].keys()


@pytest.mark.transformers
@pytest.mark.parametrize(("kind", "size"), SIZE_NAMES)
def test_a_size_has_as_many_parameters_as_transformers_has(
    kind: str, size: str, theirs: dict[str, int]
) -> None:
    for name, (_, count) in zip(CLASSES[kind], halves(kind, size), strict=True):
        assert count == theirs[f"{kind} {size} {name}"], name


@pytest.mark.parametrize(
    ("recipe", "batch", "length", "rate", "masked", "steps", "warmup", "optimizer", "schedule"),
    [
        ("bert-base", 256, 128, 1e-4, 0.15, 1_000_000, 10_000, "adamw", "linear"),
        ("bert-large", 256, 128, 1e-4, 0.15, 1_000_000, 10_000, "adamw", "linear"),
        ("albert-base", 4096, 512, 1.76e-3, 0.15, 125_000, 3125, "lamb", "linear"),
        ("albert-large", 4096, 512, 1.76e-3, 0.15, 125_000, 3125, "lamb", "linear"),
        ("albert-xlarge", 4096, 512, 1.76e-3, 0.15, 125_000, 3125, "lamb", "linear"),
        ("albert-xxlarge", 4096, 512, 1.76e-3, 0.15, 125_000, 3125, "lamb", "linear"),
        ("electra-small", 128, 128, 5e-4, 0.15, 1_000_000, 10_000, "adamw", "product"),
        ("electra-base", 256, 512, 2e-4, 0.15, 766_000, 10_000, "adamw", "product"),
        ("electra-large", 2048, 512, 2e-4, 0.25, 400_000, 10_000, "adamw", "product"),
    ],
)
def test_a_papers_recipe_has_the_papers_settings(
    recipe: str,
    batch: int,
    length: int,
    rate: float,
    masked: float,
    steps: int,
    warmup: int,
    optimizer: str,
    schedule: str,
) -> None:
    """Devlin et al. 2019, A.2; Lan et al. 2020, 4.1; Clark et al. 2020, table 6."""
    loaded = load_recipe(recipe)
    kind, size = recipe.split("-")
    assert (loaded.model.type, loaded.model.size) == (kind, size)
    trainer = loaded.trainer
    assert (trainer.global_batch_size, loaded.instances.seq_length) == (batch, length)
    assert (trainer.learning_rate, loaded.masking.rate) == (rate, masked)
    assert (trainer.steps, trainer.warmup_steps) == (steps, warmup)
    assert (trainer.optimizer, trainer.schedule) == (optimizer, schedule)
    dropout = 0.0 if recipe == "albert-xxlarge" else 0.1
    assert (loaded.model.hidden_dropout, loaded.model.attention_dropout) == (dropout, dropout)
    assert (trainer.weight_decay, trainer.adam_epsilon, trainer.clip_norm) == (0.01, 1e-6, 1.0)
    assert (trainer.adam_beta_1, trainer.adam_beta_2) == (0.9, 0.999)
    assert not trainer.adam_bias_correction


@pytest.mark.parametrize("size", ["tiny", "mini", "small", "medium"])
def test_the_smaller_berts_are_bert_base_with_another_size(size: str) -> None:
    """The standard recipe at other widths and depths (Turc et al. 2019)."""
    loaded = load_recipe("bert-base", [f"model.size={size}"])
    a = resolve_architecture(loaded.model, vocab_size=loaded.vocabulary.size, pad_id=0)
    assert a == architecture_of("bert", size)


@pytest.mark.parametrize("recipe", ["bert-base", "bert-large"])
def test_bert_trains_the_last_tenth_of_its_steps_at_512(recipe: str) -> None:
    (phase,) = load_recipe(recipe).trainer.phases
    assert (phase.from_step, phase.seq_length) == (900_000, 512)
    assert phase.trainer_changes() == {}  # batch and schedule go on


@pytest.mark.parametrize(
    ("kind", "unit", "mask", "random", "short", "electra"),
    [
        ("bert", "token", 0.8, 0.1, 0.1, None),
        ("albert", "ngram", 0.8, 0.1, 0.1, None),
        ("electra", "token", 0.85, 0.0, 0.05, (50.0, 1.0)),
    ],
)
def test_a_papers_recipe_masks_as_the_paper_does(
    kind: str,
    unit: str,
    mask: float,
    random: float,
    short: float,
    electra: tuple[float, float] | None,
) -> None:
    for size in OFFERED[kind]:
        if f"{kind}-{size}" not in shipped_recipes() or size == "mini":  # no paper's
            continue
        loaded = load_recipe(f"{kind}-{size}")
        masking = loaded.masking
        assert (masking.unit, masking.mask_share, masking.random_share) == (unit, mask, random)
        assert loaded.instances.short_seq_fraction == short
        assert masking.unit != "ngram" or masking.ngram_probabilities() == pytest.approx(
            [6 / 11, 3 / 11, 2 / 11]
        )
        halves = loaded.model.electra
        assert electra in (None, (halves.discriminator_weight, halves.temperature))


@pytest.mark.parametrize("recipe", shipped_recipes())
def test_no_recipe_cuts_its_masking_rate(recipe: str) -> None:
    """With 20 slots at length 512, ALBERT's code masks a fourth of what the paper says."""
    loaded = load_recipe(recipe)
    for of_phase in loaded.instances_by_phase():
        assert count_slots(of_phase, loaded.masking) >= loaded.masking.rate * of_phase.seq_length
    assert compute_work(loaded).flops > 0  # its sizes fit together


@pytest.mark.parametrize(("size", "share"), [("small", 1 / 4), ("base", 1 / 3), ("large", 1 / 4)])
def test_electras_generator_has_the_papers_share(size: str, share: float) -> None:
    a, generator = (shape for shape, _ in halves("electra", size))
    assert generator.hidden_size == round(a.hidden_size * share)
    assert generator.num_layers == a.num_layers
    assert generator.embedding_size == a.embedding_size
