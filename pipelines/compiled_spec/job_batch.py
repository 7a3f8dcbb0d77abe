"""Check that the training job of a spec can share the batches of a submission among its devices."""

from collections.abc import Mapping
from typing import Any

from components.vertex_trainer.overrides import Value, override
from core.format_numbers import format_count
from pipelines.compiled_spec.parameters import read_machines, training_settings
from trainer.devices.batch import check_batch


def check_job_batch(spec: Mapping[str, Any], values: Mapping[str, Value]) -> str | None:
    """Check that the replicas divide the batch of each phase.

    The number of shards does not matter: hosts select records by number, from any shard.

    Args:
        spec: the compiled spec.
        values: of its parameters, as given at submission.

    Returns:
        What a replica gets; None if no job trains.

    Raises:
        InputError: they do not divide it.
    """
    machines, settings = read_machines(spec), training_settings(spec)
    if machines is None or settings is None:
        return None
    replicas = machines.count if machines.accelerator else machines.hosts
    phases = override(settings, values).trainer.by_phase()
    for phase in phases:
        check_batch(phase, replicas)
    size = phases[0].global_batch_size
    return (
        f"{size} instances per step, {size // replicas} for each of "
        f"{format_count(replicas, 'replica', 'replicas')} on "
        f"{format_count(machines.hosts, 'host', 'hosts')}"
    )
