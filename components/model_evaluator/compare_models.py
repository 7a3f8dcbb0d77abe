"""Check whether the losses of two models are comparable."""

from typing import Any

from core.manifest import Manifest


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
