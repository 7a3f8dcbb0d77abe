"""The training job: does a batch divide among its hosts and chips?"""

from collections.abc import Iterator

from core.wording import plural
from pipelines.compiled_spec.facts import machines_of
from pipelines.compiled_spec.parameters import training_settings
from pipelines.vertex.doctor.check import Check, Subject


def check_batch(subject: Subject) -> Iterator[Check]:
    """Each host reads its own share of every batch, so the batch has to divide evenly.

    Shards do not limit the hosts: records are taken by their number, from any shard.
    """
    machines = machines_of(subject.template.spec)
    settings = training_settings(subject.template.spec)
    if machines is None or settings is None:
        return
    replicas = machines.count if machines.accelerator else machines.hosts
    size = int(subject.values.get("global_batch_size", settings.trainer.global_batch_size))
    parts = replicas * settings.trainer.accumulate_steps
    over = f"{plural(replicas, 'replica', 'replicas')} on {plural(machines.hosts, 'host', 'hosts')}"
    if size % parts:
        yield Check(
            "batch", "failed", f"{size} instances do not divide among {over}",
            f"Set global_batch_size to a multiple of {parts}, as {size // parts * parts or parts}.",
        )  # fmt: skip
    else:
        yield Check(
            "batch", "ok", f"{size} instances a step, {size // replicas} for each of {over}"
        )
