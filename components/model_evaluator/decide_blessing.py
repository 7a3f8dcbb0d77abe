"""Metrics to a verdict: may this model be published, and why."""

from collections.abc import Mapping
from dataclasses import dataclass

from components.settings import EvaluationSettings

Metrics = Mapping[str, float]
CHANCE_AUC = 0.5  # of a discriminator that guesses


@dataclass(frozen=True)
class Verdict:
    """Whether a model is blessed, and the sentences that say why."""

    blessed: bool
    reasons: tuple[str, ...]


@dataclass(frozen=True)
class Baseline:
    """The latest blessed other model: its metrics, or why they would not compare."""

    metrics: Metrics | None = None
    not_comparable: str | None = None


def judge(metrics: Metrics, baseline: Baseline | None, settings: EvaluationSettings) -> Verdict:
    """Compares a model with what one gets without reading, and with the latest blessed model.

    BERT and ALBERT are judged by their loss on masked tokens. ELECTRA is judged by its
    discriminator, which is what it publishes: the generator's loss says little of it.

    Args:
        metrics: of the model, losses in nats.
        baseline: the latest blessed other model; None if there is none.
        settings: the thresholds.
    """
    checks = [_beats_chance(metrics, settings), _holds_against(metrics, baseline, settings)]
    return Verdict(all(ok for ok, _ in checks), tuple(reason for _, reason in checks))


Check = tuple[bool, str]


def _beats_chance(metrics: Metrics, settings: EvaluationSettings) -> Check:
    if "replaced_token_auc" in metrics:
        area = metrics["replaced_token_auc"]
        return area > settings.min_replaced_token_auc, (
            f"the discriminator tells replaced tokens with an AUC of {area:.4f}, where guessing "
            f"has {CHANCE_AUC} (wanted: over {settings.min_replaced_token_auc:g})"
        )
    loss, unigram = metrics["masked_lm_loss"], metrics["unigram_loss"]
    gain = unigram - loss
    wanted = settings.min_gain_over_unigram
    return gain > wanted, (
        f"held-out loss {loss:.4f} lies {abs(gain):.4f} nats {'below' if gain > 0 else 'above'} "
        f"the unigram baseline {unigram:.4f} (wanted: over {wanted:g} below)"
    )


def _holds_against(
    metrics: Metrics, baseline: Baseline | None, settings: EvaluationSettings
) -> Check:
    if baseline is None:
        return True, "no other blessed model to compare with"
    if baseline.metrics is None:
        accepted = settings.incomparable_baseline == "accept"
        remedy = "accepted" if accepted else "set evaluation.incomparable_baseline=accept to go on"
        return accepted, f"the latest blessed model {baseline.not_comparable} ({remedy})"
    name = "replaced_token_loss" if "replaced_token_loss" in metrics else "masked_lm_loss"
    increase = metrics[name] - baseline.metrics[name]
    return increase <= settings.max_loss_increase, (
        f"held-out loss {metrics[name]:.4f} is {increase:+.4f} nats against the latest blessed "
        f"model's {baseline.metrics[name]:.4f} (wanted: at most {settings.max_loss_increase:+g})"
    )
