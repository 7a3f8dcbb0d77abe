"""Decide from its metrics whether a model may be published, and say why."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from components.chance import describe_chance_level
from components.downstream_evaluator.results import Check
from components.evaluation_settings import EvaluationSettings
from core.manifest import Manifest

Metrics = Mapping[str, float]
CHANCE_AUC = 0.5  # of a discriminator that guesses


@dataclass(frozen=True)
class BlessingDecision:
    """Whether a model is blessed, and sentences with the reasons."""

    blessed: bool
    reasons: tuple[str, ...]


@dataclass(frozen=True)
class Baseline:
    """The latest other blessed model: its metrics, or why they are not comparable."""

    metrics: Metrics | None = None
    not_comparable: str | None = None


def decide_blessing(
    metrics: Metrics,
    baseline: Baseline | None,
    settings: EvaluationSettings,
    task_checks: Sequence[Check] = (),
) -> BlessingDecision:
    """Compare a model with a trivial baseline and with the latest blessed model.

    BERT and ALBERT are evaluated by their loss on masked tokens, and ELECTRA by its discriminator,
    which is the published model. The generator's loss says little about it.
    """
    checks = [
        _beats_chance(metrics, settings),
        _keeps_up_with(metrics, baseline, settings),
        *task_checks,
    ]
    reasons = [reason for _, reason in checks]
    if at_chance := describe_chance_level(metrics):
        decides = "" if "replaced_token_auc" in metrics else "; only the masked-token loss decides"
        reasons.append(f"no better than chance: {at_chance}{decides}")
    return BlessingDecision(all(ok for ok, _ in checks), tuple(reasons))


def _beats_chance(metrics: Metrics, settings: EvaluationSettings) -> Check:
    if "replaced_token_auc" in metrics:
        area = metrics["replaced_token_auc"]
        return area > settings.min_replaced_token_auc, (
            f"the discriminator detects replaced tokens with an AUC of {area:.4f}; guessing has "
            f"{CHANCE_AUC} (required: over {settings.min_replaced_token_auc:g})"
        )
    loss, unigram = metrics["masked_lm_loss"], metrics["unigram_loss"]
    gain = unigram - loss
    required = settings.min_gain_over_unigram
    return gain > required, (
        f"held-out loss {loss:.4f} is {abs(gain):.4f} nats {'below' if gain > 0 else 'above'} "
        f"the unigram baseline {unigram:.4f} (required: more than {required:g} nats below)"
    )


def _keeps_up_with(
    metrics: Metrics, baseline: Baseline | None, settings: EvaluationSettings
) -> Check:
    if baseline is None:
        return True, "there is no other blessed model to compare with"
    if baseline.metrics is None:
        accepted = settings.incomparable_baseline == "accept"
        remedy = (
            "accepted" if accepted else "set evaluation.incomparable_baseline=accept to continue"
        )
        return accepted, f"the latest blessed model {baseline.not_comparable} ({remedy})"
    name = "replaced_token_loss" if "replaced_token_loss" in metrics else "masked_lm_loss"
    increase = metrics[name] - baseline.metrics[name]
    return increase <= settings.max_loss_increase, (
        f"held-out loss {metrics[name]:.4f} differs by {increase:+.4f} nats from the latest "
        f"blessed model's {baseline.metrics[name]:.4f} (required: at most "
        f"{settings.max_loss_increase:+g})"
    )


def explain_incomparable(baseline: Manifest, candidate: Manifest) -> str | None:
    """Explain why a baseline cannot be compared with a candidate on the candidate's instances.

    Returns:
        The rest of a sentence whose subject is the baseline; None if they are comparable.
    """
    old: dict[str, Any] = baseline.facts
    new: dict[str, Any] = candidate.facts
    if old["vocabulary_digest"] != new["vocabulary_digest"]:
        return "has another vocabulary, and losses over different tokens are not comparable"
    old_type, new_type = old["architecture"]["type"], new["architecture"]["type"]
    if old_type != new_type:
        return f"is of type {old_type}, and this one of type {new_type}"
    positions, length = old["architecture"]["max_position"], int(str(new["seq_length"]))
    if positions < length:
        return f"has {positions} positions, and the instances have {length} tokens"
    if old["objective"] != new["objective"]:
        return f"was trained on {old['objective']} instances, and this one on {new['objective']}"
    return None
