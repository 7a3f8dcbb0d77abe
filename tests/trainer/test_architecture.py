"""Sizes are those of the papers, and settings that do not fit are rejected by name."""

import pytest

from core.errors import InputError
from trainer.models.architecture import Architecture, generator_architecture, resolve_architecture
from trainer.models.electra import Electra
from trainer.models.families import build_model
from trainer.models.parameters import count_parameters
from trainer.report.figures import training_flops
from trainer.settings.model import ModelSettings


def resolve(vocab_size: int = 30522, **model: object) -> Architecture:
    return resolve_architecture(ModelSettings(**model), vocab_size=vocab_size, pad_id=0)


@pytest.mark.parametrize(
    ("model", "vocab_size", "millions"),
    [
        # google-research/bert's README: 4.4, 11.3, 29.1, 41.7 million without the heads.
        ({"size": "tiny"}, 30522, 4.4),
        ({"size": "mini"}, 30522, 11.3),
        ({"size": "small"}, 30522, 29.1),
        ({"size": "medium"}, 30522, 41.7),
        ({"size": "base"}, 30522, 110),
        ({"size": "large"}, 30522, 335),
        # Lan et al. 2020, table 1: 12, 18, 60, 235 million.
        ({"type": "albert", "size": "base"}, 30000, 12),
        ({"type": "albert", "size": "large"}, 30000, 18),
        ({"type": "albert", "size": "xlarge"}, 30000, 60),
        ({"type": "albert", "size": "xxlarge"}, 30000, 223),
    ],
)
def test_a_size_has_the_number_of_parameters_in_its_paper(
    model: dict[str, str], vocab_size: int, millions: float
) -> None:
    count = count_parameters(build_model(resolve(vocab_size, **model)).parameters()) / 1e6
    assert count == pytest.approx(millions, rel=0.04)


@pytest.mark.parametrize(("size", "millions"), [("small", 14), ("base", 110), ("large", 335)])
def test_electras_discriminator_has_the_number_of_parameters_in_its_paper(
    size: str, millions: float
) -> None:
    parameters = Electra(resolve(type="electra", size=size)).parameters()
    own = {name: p for name, p in parameters.items() if not name.startswith("generator.")}
    assert count_parameters(own) / 1e6 == pytest.approx(millions, rel=0.04)


def test_the_generator_is_as_deep_and_narrower() -> None:
    generator = generator_architecture(resolve(type="electra", size="base"))
    assert (generator.num_layers, generator.hidden_size) == (12, 256)
    assert (generator.num_heads, generator.intermediate_size) == (4, 1024)
    assert generator.embedding_size == 768


def test_another_hidden_size_implies_berts_proportions() -> None:
    architecture = resolve(size="tiny", hidden_size=192)
    assert (architecture.num_heads, architecture.intermediate_size) == (3, 768)
    assert architecture.embedding_size == 192


def test_flops_are_six_per_weight_and_token_plus_attention_scores() -> None:
    architecture = resolve(1000, size="tiny")
    keys, rest = 2 * 128**2, 2 * 128**2 + 2 * 128 * 512
    scores = 2 * 128 * 64
    head = 10 * (128 * 128 + 128 * 1000)
    # The second layer has all keys and values, and the rest at 10 slots and [CLS].
    expected = 6 * (64 * (2 * keys + rest + scores) + 11 * (rest + scores) + head)
    assert training_flops(architecture, 64, 10) == expected


@pytest.mark.parametrize(
    ("model", "message"),
    [
        ({"size": "xlarge"}, "bert has no size xlarge. Use one of tiny, mini"),
        ({"type": "electra", "size": "mini"}, "electra has no size mini"),
        ({"hidden_size": 100, "num_heads": 3}, "100 is not a multiple of num_heads 3"),
        ({"embedding_size": 64}, "bert has no embedding_size; only albert and electra"),
        ({"type": "albert", "generator_share": 0.5}, "albert has no generator_share"),
    ],
)
def test_settings_that_do_not_fit_are_rejected(model: dict[str, object], message: str) -> None:
    with pytest.raises(InputError, match=message):
        resolve(**model)
