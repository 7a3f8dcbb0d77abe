"""Run InstanceGen alone as a pipeline does: `run_instance_gen DOCUMENTS VOCABULARY TARGET …`.

Print one line of JSON: the seconds of the imports, of the whole step and of the work on shards
(from the first to the last, without the start of Beam's processes), and the counts.
"""

import time

BEGIN = time.perf_counter()

import argparse  # noqa: E402
import json  # noqa: E402
import sys  # noqa: E402
from pathlib import Path  # noqa: E402

from tfx.dsl.components.base import base_beam_executor  # noqa: E402
from tfx.types import artifact_utils, standard_artifacts  # noqa: E402

from components.artifacts import Vocabulary  # noqa: E402
from components.instance_gen import executor  # noqa: E402
from components.settings import InstanceSettings  # noqa: E402
from components.tfx_internals.beam_flags import local_beam_args  # noqa: E402
from core.manifest import read_manifest  # noqa: E402
from tests.benchmarks.timed_work import timed_write_shard, working_seconds  # noqa: E402
from trainer.settings.masking import MaskingSettings  # noqa: E402


def main() -> None:
    """Run the executor once."""
    parser = argparse.ArgumentParser()
    for name in ("documents", "vocabulary", "target"):
        parser.add_argument(name)
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--instances", default="{}", help="InstanceSettings as JSON")
    parser.add_argument("--masking", default="{}", help="MaskingSettings as JSON")
    arguments = parser.parse_args()
    started = time.perf_counter()
    counts = run(arguments)
    ended = time.perf_counter()
    total: dict[str, int] = {}
    for split in counts.values():
        for name, number in split.items():
            total[name] = total.get(name, 0) + number
    result = {
        "import_seconds": started - BEGIN,
        "step_seconds": ended - started,
        "working_seconds": working_seconds(Path(arguments.target)),
        "counts": total,
    }
    sys.stdout.write(json.dumps(result) + "\n")


def run(arguments: argparse.Namespace) -> dict[str, dict[str, int]]:
    """Call the executor as TFX's launcher does, and return the counts of the manifest."""
    documents, instances = standard_artifacts.Examples(), standard_artifacts.Examples()
    vocabulary, schema = Vocabulary(), standard_artifacts.Schema()
    documents.uri, vocabulary.uri = arguments.documents, arguments.vocabulary
    documents.split_names = artifact_utils.encode_split_names(["train", "eval"])
    instances.uri, schema.uri = f"{arguments.target}/instances", f"{arguments.target}/schema"
    context = base_beam_executor.BaseBeamExecutor.Context(
        beam_pipeline_args=local_beam_args(arguments.workers),
        tmp_dir=str(Path(arguments.target) / "tmp"),
        unique_id="1",
    )
    properties = {
        "instance_settings": InstanceSettings.model_validate_json(
            arguments.instances
        ).model_dump_json(),
        "masking_settings": MaskingSettings.model_validate_json(
            arguments.masking
        ).model_dump_json(),
        "seed": 12345,
        "code_digest": "benchmark",
    }
    executor.write_shard = timed_write_shard
    executor.Executor(context).Do(
        {"documents": [documents], "vocabulary": [vocabulary]},
        {"instances": [instances], "schema": [schema]},
        properties,
    )
    return read_manifest(instances.uri).counts


if __name__ == "__main__":
    main()
