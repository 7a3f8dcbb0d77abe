"""Every size of the papers is offered, is `transformers`' model, and has its paper's settings."""

import json
import subprocess
from pathlib import Path

import pytest

from pipelines.recipe_file import load_recipe
from trainer.architecture import SIZES, Architecture, resolve_architecture
from trainer.models.electra import GENERATOR
from trainer.models.parameters import ParameterList, count_parameters
from trainer.objectives.choose import objective_of
from trainer.settings import ElectraSettings, ModelSettings

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
    model = objective_of(a, pair, ElectraSettings()).model
    parameters = model.parameters()
    if kind != "electra":
        return [(a, count_parameters(parameters))]
    own = {n: p for n, p in parameters.items() if not n.startswith(GENERATOR)}
    shared = {n: p for n, p in own.items() if ".embeddings." in n}
    generator: ParameterList = {n: p for n, p in parameters.items() if n.startswith(GENERATOR)}
    generator |= shared
    return [(a, count_parameters(own)), (model.generator, count_parameters(generator))]


@pytest.fixture(scope="module")
def theirs(transformers_python: str, tmp_path_factory: pytest.TempPathFactory) -> dict[str, int]:
    """Counts by "type size class"."""
    jobs = [
        [f"{kind} {size} {name}", name, transformers_settings(a)]
        for kind, size in SIZE_NAMES
        for name, (a, _) in zip(CLASSES[kind], halves(kind, size), strict=True)
    ]
    path = tmp_path_factory.mktemp("counts") / "jobs.json"
    path.write_text(json.dumps(jobs), encoding="utf-8")
    done = subprocess.run(
        [transformers_python, str(SCRIPT), str(path)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    counts: dict[str, int] = json.loads(done.stdout)
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
    found = load_recipe(recipe)
    kind, size = recipe.split("-")
    assert (found.model.type, found.model.size) == (kind, size)
    trainer = found.trainer
    assert (trainer.global_batch_size, found.instances.seq_length) == (batch, length)
    assert (trainer.learning_rate, found.masking.rate) == (rate, masked)
    assert (trainer.steps, trainer.warmup_steps) == (steps, warmup)
    assert (trainer.optimizer, trainer.schedule) == (optimizer, schedule)
    assert found.model.hidden_dropout == (0.0 if kind == "albert" else 0.1)


@pytest.mark.parametrize(("size", "share"), [("small", 1 / 4), ("base", 1 / 3), ("large", 1 / 4)])
def test_electras_generator_has_the_papers_share(size: str, share: float) -> None:
    a, generator = (shape for shape, _ in halves("electra", size))
    assert generator.hidden_size == round(a.hidden_size * share)
    assert generator.num_layers == a.num_layers
    assert generator.embedding_size == a.embedding_size
