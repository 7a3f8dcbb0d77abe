"""Metrics to a verdict: may this model be published, and why."""

from collections.abc import Mapping
from dataclasses import dataclass

LOSS = "masked_lm_loss"
UNIGRAM_LOSS = "unigram_loss"
Metrics = Mapping[str, float]


@dataclass(frozen=True)
class Verdict:
    """Whether a model is blessed, and the sentences that say why."""

    blessed: bool
    reasons: tuple[str, ...]


def judge(
    metrics: Metrics,
    baseline: Metrics | None,
    min_gain_over_unigram: float,
    max_loss_increase: float,
) -> Verdict:
    """Compares a model's held-out loss with the unigram baseline and the latest blessed model.

    Args:
        metrics: the model's metrics, with `masked_lm_loss` and `unigram_loss` in nats.
        baseline: the metrics of the latest blessed model on the same instances, if there is one.
        min_gain_over_unigram: nats by which the loss has to lie below the unigram baseline.
        max_loss_increase: nats by which the loss may lie above the latest blessed model's.
    """
    loss, unigram = metrics[LOSS], metrics[UNIGRAM_LOSS]
    gain = unigram - loss
    side = "below" if gain > 0 else "above"
    checks = [
        (
            gain > min_gain_over_unigram,
            f"held-out loss {loss:.4f} lies {abs(gain):.4f} nats {side} the unigram "
            f"baseline {unigram:.4f} (wanted: over {min_gain_over_unigram:g} below)",
        )
    ]
    if baseline is not None:
        increase = loss - baseline[LOSS]
        checks.append(
            (
                increase <= max_loss_increase,
                f"held-out loss {loss:.4f} is {increase:+.4f} nats against the latest blessed "
                f"model's {baseline[LOSS]:.4f} (wanted: at most {max_loss_increase:+g})",
            )
        )
    else:
        checks.append((True, "no other blessed model to compare with"))
    return Verdict(all(ok for ok, _ in checks), tuple(reason for _, reason in checks))
