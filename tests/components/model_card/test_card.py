"""A card is readable for hubs, has the numbers of its artifacts, and escapes all text."""

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from huggingface_hub import ModelCard
from markdown_it import MarkdownIt

from components.model_card.card import render_card
from components.model_card.origin import nested
from components.settings import ModelCardSettings
from core.errors import InputError
from core.format_numbers import format_number
from core.manifest import read_manifest
from tests.components.model_card.conftest import METRICS, Made, make, write_evaluation

DEMO = ModelCardSettings(recipe="demo", description="A small model.", license="apache-2.0")
HOSTILE = (
    "<script>alert(1)</script> [click](javascript:x) ![i](http://evil/i.png) `code` | a **b** "
    "\u202eevil\x1b[2J # head http://evil/x www.evil.x <b>\n---\nlicense: mit"
)


def card_of(made: Made, settings: ModelCardSettings = DEMO) -> str:
    return render_card(made.origin(), settings, "abc123")


def html_of(card: str) -> str:
    """Render a card as GitHub does, including links in plain text."""
    body = card.split("---\n", 2)[2]
    renderer = MarkdownIt("commonmark", {"html": True}).enable(["table"])
    html: str = renderer.render(body)
    return html


def test_a_hub_reads_the_front_matter(made: Made) -> None:
    data = ModelCard(card_of(made)).data
    assert data.language == ["en"]
    assert data.license == "apache-2.0"
    assert data.library_name == "transformers"
    assert data.pipeline_tag == "fill-mask"
    results: Any = data.eval_results
    assert {r.metric_type: r.metric_value for r in results} == {
        "loss": 4.25, "perplexity": 70.105, "accuracy": 0.251,
    }  # fmt: skip
    assert data.model_name == "demo"


def test_without_a_license_the_card_says_so_and_how_to_state_one(made: Made) -> None:
    card = card_of(made, ModelCardSettings())
    assert ModelCard(card).data.license is None
    assert "License not stated." in card
    assert "--set card.license=" in card
    stated = card_of(made)
    assert "not stated" not in stated
    assert "## License\n\napache-2.0\n" in stated


def test_metrics_at_chance_level_are_named(made: Made, tmp_path: Path) -> None:
    poor = {**METRICS, "next_sentence_accuracy": 0.46, "next_sentence_loss": 2.66}
    evaluation = write_evaluation(tmp_path, metrics=poor)
    card = card_of(replace(made, evaluation=evaluation))
    assert (
        "**No better than chance:** next-sentence accuracy 46.0 % (chance: 52.0 %), "
        "next-sentence loss 2.660 (chance: 0.692)."
    ) in card
    assert "No better than chance" not in card_of(made)


def test_every_number_comes_from_the_artifacts(made: Made) -> None:
    card = card_of(made)
    documents = read_manifest(made.documents).counts
    instances = read_manifest(made.instances).counts
    for name, counts in (("documents", documents), ("sentences", documents)):
        row = f"| {name.capitalize()} | " + " | ".join(
            format_number(counts[split][name]) for split in ("train", "eval")
        )
        assert row in card
    assert f"| Instances | {format_number(instances['train']['instances'])} |" in card
    assert "| Masked-token loss (nats) | **4.2500** | 6.5000 | – |" in card
    assert "| Masked-token perplexity | **70.1** | 665.1 | – |" in card
    assert "| Next-sentence accuracy | **66.0 %** | 52.0 % | – |" in card
    for folder in (made.documents, made.instances, made.model):
        assert read_manifest(folder).content_digest() in card


def test_the_latest_blessed_model_has_a_column(made: Made, tmp_path: Path) -> None:
    baseline = {**METRICS, "masked_lm_loss": 4.5}
    beside = write_evaluation(tmp_path, baseline_metrics=baseline, blessed=False, reasons=["Why."])
    card = card_of(replace(made, evaluation=beside))
    assert "| Masked-token loss (nats) | **4.2500** | 6.5000 | 4.5000 |" in card
    assert "The model was **not** blessed for publishing:\n\n- Why." in card


def test_sources_have_a_loss_and_a_share_of_the_batches(made: Made, tmp_path: Path) -> None:
    losses = {"masked_lm_loss_of_my_web": 4.5, "unigram_loss_of_my_web": 6.25}
    made = replace(made, evaluation=write_evaluation(tmp_path, metrics={**METRICS, **losses}))
    origin = made.origin()
    assert "several sources" not in render_card(origin, DEMO, "abc123")
    origin.model.facts["source_shares"] = {"books": 0.4, "my_web": 0.6}
    card = render_card(origin, DEMO, "abc123")
    (row,) = [line for line in card.splitlines() if "loss of the source" in line]
    assert row.replace("&#95;", "_").replace("\\", "") == (
        "| Masked-token loss of the source my_web (nats) | **4.5000** | 6.2500 | – |"
    )
    assert "shares of the training batches:\n`books` 40.0 %,\n`my_web` 60.0 %." in card


@pytest.mark.parametrize(
    ("points", "shown"), [(1, 1), (2, 2), (10, 10), (11, 6), (20, 8), (200, 10)]
)
def test_a_curve_has_ten_points_at_most_with_both_ends(made: Made, points: int, shown: int) -> None:
    origin = made.origin()
    curve = [{"polarity.probe": 0.5, "step": 1000 * number} for number in range(points)]
    facts = {**origin.model.facts, "task_scores": curve}
    changed = replace(origin, model=origin.model.model_copy(update={"facts": facts}))
    rows = re.findall(r"\| ([\d,]+) \| 0\.500 \|", render_card(changed, DEMO, "abc123"))
    assert (len(rows), rows[0], rows[-1]) == (shown, "0", format_number(1000 * (points - 1)))


def test_a_metric_that_is_not_finite_is_left_out(made: Made, tmp_path: Path) -> None:
    metrics = {**METRICS, "next_sentence_loss": float("nan"), "masked_lm_perplexity": float("inf")}
    card = card_of(replace(made, evaluation=write_evaluation(tmp_path, metrics=metrics)))
    assert "nan" not in card.lower().split("# demo")[0]
    assert "Next-sentence loss" not in card


def test_equal_inputs_give_equal_bytes_and_no_time(made: Made) -> None:
    card = card_of(made)
    assert card == card_of(made)
    assert not re.search(r"\b20\d\d-\d\d|\d\d:\d\d\b", card)


def test_the_device_is_named_in_one_sentence(made: Made) -> None:
    assert "Device: One CPU: there is no GPU.\n" in card_of(made)


def test_git_state_is_shown_if_known(made: Made) -> None:
    origin = made.origin()
    facts = {**origin.model.facts, "git": {"commit": "f" * 40, "dirty": True}}
    known = replace(origin, model=origin.model.model_copy(update={"facts": facts}))
    card = render_card(known, DEMO, "abc123")
    assert f"of the trainer | `{'f' * 40}` |\n| Changes that no commit holds | `yes` |" in card
    assert "Git commit" not in card_of(made)


def test_hostile_text_has_no_effect(tmp_path: Path) -> None:
    documents = [(f"{HOSTILE}{n}", [f"{HOSTILE} {n}"] * 4) for n in range(5)]
    made = make(tmp_path, documents)
    evaluation = write_evaluation(tmp_path / "hostile", reasons=[HOSTILE])
    settings = ModelCardSettings(
        recipe=HOSTILE, description=HOSTILE, license=HOSTILE, notes=f"{HOSTILE}\n\n{HOSTILE}",
        language=HOSTILE, tags=(HOSTILE,),
    )  # fmt: skip
    card = card_of(replace(made, evaluation=evaluation), settings)
    assert ModelCard(card).data.library_name == "transformers"
    assert not set(card) & set("\u202e\x1b")
    html = html_of(card)
    assert not re.search(r"<(script|img|a|b)\b", html)
    assert html.count("<h1>") == 1
    plain = html_of(card_of(replace(made, evaluation=evaluation), DEMO))
    assert html.count("<h2>") == plain.count("<h2>")
    assert html.count("<td>") == plain.count("<td>")
    assert "javascript:x" in html  # it is shown, as text


def test_a_long_note_keeps_its_paragraphs(made: Made) -> None:
    settings = DEMO.model_copy(update={"notes": "One *line*.\n\nTwo."})
    assert "One \\*line\\*.\n\nTwo.\n" in card_of(made, settings)


def test_a_model_of_other_instances_is_refused(made: Made, tmp_path: Path) -> None:
    other = make(tmp_path, [(f"{n}.txt", ["A sentence.", "Another one."] * 3) for n in range(6)])
    with pytest.raises(InputError, match="Describe a model with its own instances"):
        replace(made, instances=other.instances).origin()


def test_a_missing_evaluation_is_reported(made: Made, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"no metrics\.json"):
        replace(made, evaluation=str(tmp_path)).origin()


@pytest.mark.parametrize(
    ("kind", "objective", "metrics", "expected"),
    [
        (
            "albert",
            "sentence_order",
            {"sentence_order_accuracy": 0.75, "swapped_share": 0.5},
            ["An ALBERT encoder", "sentence-order prediction", "accuracy | **75.0 %** | 50.0 %"],
        ),
        (
            "electra",
            "contiguous",
            {"replaced_token_auc": 0.8125},
            ["An ELECTRA encoder", "ElectraForPreTraining", "AUC | **0.8125** | 0.5000"],
        ),
    ],
)
def test_albert_and_electra_are_described_in_their_own_terms(
    made: Made, kind: str, objective: str, metrics: dict[str, float], expected: list[str]
) -> None:
    origin = made.origin()
    shape = {**nested(origin.model.facts, "architecture"), "type": kind}
    facts = {**origin.model.facts, "architecture": shape, "objective": objective}
    model = origin.model.model_copy(update={"facts": facts})
    known = replace(origin, model=model, metrics={**METRICS, **metrics})
    card = render_card(known, DEMO, "abc123")
    assert [words for words in expected if words not in card] == []
    wanted = "feature-extraction" if kind == "electra" else "fill-mask"
    assert ModelCard(card).data.pipeline_tag == wanted


@pytest.mark.parametrize(
    ("masking", "said"),
    [
        ({"rate": 0.2, "unit": "ngram"}, "tokens are predicted (runs of whole words)"),
        ({"rate": 0.2, "unit": "word", "schedule": None}, "are predicted (whole words)"),
        (
            {"rate": 0.3, "schedule": {"end_rate": 0.15, "steps": 10_000}},
            "30.0 % of the tokens are predicted at first, and 15.0 % from step 10,000 on (single",
        ),
    ],
)
def test_masking_is_described_as_configured(made: Made, masking: dict[str, Any], said: str) -> None:
    origin = made.origin()
    facts = {**origin.instances.facts, "masking": masking}
    changed = replace(origin, instances=origin.instances.model_copy(update={"facts": facts}))
    assert said in render_card(changed, DEMO, "abc123")
