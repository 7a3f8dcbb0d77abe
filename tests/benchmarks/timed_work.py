"""InstanceGen's unit of work with a clock: in a module of its own, so that any worker finds it."""

import json
import time
from pathlib import Path
from typing import Any

from components.instance_gen.shards import Job, write_shard

TIMES = "times"  # a folder beside the instances, a file a shard


def timed_write_shard(job: Job, unit: dict[str, Any]) -> dict[str, Any]:
    """Does the work and notes when it began and ended."""
    begin = time.time()
    result = write_shard(job, unit)
    folder = Path(job.output).with_name(TIMES)
    folder.mkdir(exist_ok=True)
    name = f"{unit['split']}-{unit['number']}.json"
    (folder / name).write_text(json.dumps([begin, time.time()]))
    return result


def working_seconds(target: Path) -> float:
    """From the beginning of the first shard to the end of the last."""
    times = [json.loads(path.read_text()) for path in (target / TIMES).glob("*.json")]
    return float(max(end for _, end in times) - min(begin for begin, _ in times))
