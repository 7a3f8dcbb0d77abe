"""Time InstanceGen's unit of work, in a module of its own that any worker can import."""

import json
import time
from pathlib import Path
from typing import Any

from components.instance_gen.write_shard import write_shard
from components.instance_gen.writing.plan import ShardContext

TIMES = "times"  # a folder next to the instances, with one file per shard


def timed_write_shard(context: ShardContext, unit: dict[str, Any]) -> dict[str, Any]:
    """Write a shard and record when that began and ended."""
    begin = time.time()
    result = write_shard(context, unit)
    folder = Path(context.output).with_name(TIMES)
    folder.mkdir(exist_ok=True)
    name = f"{unit['split']}-{unit['number']}.json"
    (folder / name).write_text(json.dumps([begin, time.time()]))
    return result


def working_seconds(target: Path) -> float:
    """Return the seconds from the start of the first shard to the end of the last one."""
    times = [json.loads(path.read_text()) for path in (target / TIMES).glob("*.json")]
    return float(max(end for _, end in times) - min(begin for begin, _ in times))
