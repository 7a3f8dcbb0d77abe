"""Explain that a batch is larger than the train split."""

from core.format_numbers import format_count


def explain_large_batch(
    batch_size: int, instances: int | None, *, exact: bool = True
) -> str | None:
    """Return a warning with a remedy if a batch holds more instances than there are.

    Args:
        batch_size: instances per step over all replicas.
        instances: of the train split; None if unknown.
        exact: whether the instances were counted, not estimated.
    """
    if instances is None or batch_size <= instances:
        return None
    count = ("" if exact else "about ") + format_count(instances, "instance", "instances")
    smaller = f", or set trainer.global_batch_size to {instances:,} or less" * (instances > 1)
    return (
        f"trainer.global_batch_size is {batch_size:,}, but the text makes only {count} for "
        f"training, so each step repeats some of them. Give more text{smaller}."
    )
