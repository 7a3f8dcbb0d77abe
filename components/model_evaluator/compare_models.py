"""Two models' manifests to a reason why their losses would not compare, if there is one."""

from typing import Any

from core.manifest import Manifest


def why_not_comparable(baseline: Manifest, candidate: Manifest) -> str | None:
    """Says what keeps a baseline from being measured on the candidate's instances.

    Args:
        baseline: of the latest blessed model.
        candidate: of the model that is judged.

    Returns:
        The end of a sentence that begins with the model; None if they compare.
    """
    old, new = baseline.facts, candidate.facts
    if old["vocabulary_digest"] != new["vocabulary_digest"]:
        return "has another vocabulary, and losses over different tokens do not compare"
    if _shape(old)["type"] != _shape(new)["type"]:
        return f"is of type {_shape(old)['type']}, and this one of type {_shape(new)['type']}"
    positions, length = _shape(old)["max_position"], int(str(new["seq_length"]))
    if positions < length:
        return f"has {positions} positions, and the instances have {length} tokens"
    if old["objective"] != new["objective"]:
        return f"learned from {old['objective']} instances, and this one from {new['objective']}"
    return None


def _shape(facts: dict[str, Any]) -> dict[str, Any]:
    shape: dict[str, Any] = facts["architecture"]
    return shape
