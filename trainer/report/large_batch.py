"""Explain that a batch is larger than the train split."""


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
    count = f"{instances:,}" if exact else f"about {instances:,}"
    return (
        f"trainer.global_batch_size is {batch_size:,}, but the text makes only {count} instances "
        f"for training, so each step repeats some of them. Give more text, or set "
        f"trainer.global_batch_size to {instances:,} or less."
    )
