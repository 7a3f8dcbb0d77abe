"""Check that a batch divides evenly among the hosts and chips of the training job."""

from collections.abc import Iterator

from core.wording import plural
from pipelines.compiled_spec.facts import machines_of
from pipelines.compiled_spec.parameters import training_settings
from pipelines.vertex.doctor.check import Check, Subject


def check_batch(subject: Subject) -> Iterator[Check]:
    """Check that the global batch divides evenly, because each replica reads its own share.

    The number of shards does not matter: hosts select records by number, from any shard.
    """
    machines = machines_of(subject.template.spec)
    settings = training_settings(subject.template.spec)
    if machines is None or settings is None:
        return
    replicas = machines.count if machines.accelerator else machines.hosts
    size = int(subject.values.get("global_batch_size", settings.trainer.global_batch_size))
    divisor = replicas * settings.trainer.accumulate_steps
    among = (
        f"{plural(replicas, 'replica', 'replicas')} on {plural(machines.hosts, 'host', 'hosts')}"
    )
    if size % divisor:
        nearest = size // divisor * divisor or divisor
        yield Check(
            "batch",
            "failed",
            f"{size} instances do not divide evenly among {among}",
            f"Set global_batch_size to a multiple of {divisor}, for example {nearest}.",
        )
    else:
        yield Check(
            "batch", "ok", f"{size} instances per step, {size // replicas} for each of {among}"
        )
