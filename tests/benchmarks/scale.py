"""Plan a terabyte for real, without making it, and run the driver's steps on made-up results.

Run `python -m tests.benchmarks.scale --documents 1e9 --files 1000`. It prints for each step of
TextExampleGen and InstanceGen the seconds, the peak memory and the requests of the driver; then the
units, the shards, and the requests of the workers.
"""

import argparse
import functools
import io
import json
import math
import re
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, TypeVar

import apache_beam as beam
import numpy as np

from components.beam_work import MAX_RESULTS, map_units
from components.instance_gen.writing import publish
from components.instance_gen.writing.plan import ShardContext, plan_units
from components.settings import InstanceSettings
from components.statistics_gen.value_counts import NumberCounts, encode_value_counts
from components.text_example_gen import write_documents as steps
from components.text_example_gen.check_corpus import TextSource
from components.text_example_gen.documents import SHARD_BUCKETS
from components.text_example_gen.duplicates.find_pairs import SIMILAR_PAIR
from components.text_example_gen.reading.find_files import CorpusFile
from components.text_example_gen.reading.find_sources import find_sources
from components.text_example_gen.reading.fingerprint import fingerprint
from components.text_settings import TextSettings
from core import storage
from core.gcs.object_store import StoredObject
from core.manifest import Manifest
from tests.benchmarks.made_up_store import MadeUpStore
from trainer.settings.masking import MaskingSettings

TEXT, OUTPUT = "gs://made-up/text", "gs://made-up/documents"
SCRATCH = "gs://made-up/instances/.work"
DOCUMENT_BYTES = 1000
VOCABULARY_SIZE = 30_522
READ_BYTES = 8 << 20  # of text, per request
Result = TypeVar("Result")
Json = dict[str, Any]


class NoRunner(beam.runners.runner.PipelineRunner):
    """Translates a pipeline as a job service gets it, and runs nothing."""

    sizes: list[int] = []  # noqa: RUF012 - of all pipelines, in bytes

    def run_pipeline(self, pipeline: Any, options: Any) -> Any:
        """Translate the pipeline."""
        self.sizes.append(len(pipeline.to_runner_api().SerializeToString()))
        return beam.runners.runner.PipelineResult(beam.runners.runner.PipelineState.DONE)


class Simulation:
    """The driver's steps on a corpus of so many documents in so many files."""

    def __init__(self, documents: int, files: int, latency_seconds: float, near: float) -> None:
        self.documents, self.files, self.near_duplicates = documents, files, near
        self.store = MadeUpStore(latency_seconds)
        self.store.install()
        self.store.list_as(TEXT, self._list)
        self.units: dict[str, int] = {}
        self.runs = 0

    def run(self) -> None:
        """Run the steps and print what each took."""
        find = functools.partial(find_sources, TEXT, ["**"])
        digest = self.measure("list and fingerprint", lambda: fingerprint(find()))
        source = TextSource(TEXT, ["**"], digest, span=0)
        settings = TextSettings(
            eval_fraction=0.01, drop_near_duplicates=0.8 if self.near_duplicates else None
        )
        write = functools.partial(
            steps.write_documents, source, settings, OUTPUT, "code", self.map_units
        )
        manifest = self.measure("TextExampleGen", write)
        self.measure("remove its scratch", lambda: storage.remove_tree(f"{OUTPUT}/.work"))
        self.measure("InstanceGen", lambda: self.make_instances(manifest))
        gigabytes = self.documents * DOCUMENT_BYTES / 1e9
        print(f"units: {self.units}; pipelines as sent: {NoRunner.sizes} bytes")
        shards = sum(len(shards) for shards in manifest.shards.values())
        ranges = self.runs * shards
        print(f"{shards:,} shards, {self.runs:,} runs, {ranges:,} ranges")
        print(f"workers: {ranges / gigabytes:,.0f} ranges per GB")
        total = sum(self.store.requests.values())
        print(f"driver: {total:,} requests, {total / gigabytes:.1f} per GB")

    def measure(self, name: str, step: Callable[[], Result]) -> Result:
        """Run a step and print its seconds, peak memory and requests."""
        Path("/proc/self/clear_refs").write_text("5")  # the peak is measured from here on
        before, began = self.store.requests.copy(), time.monotonic()
        result = step()
        seconds = time.monotonic() - began
        status = Path("/proc/self/status").read_text()
        peak = int(status.partition("VmHWM:")[2].split()[0]) / 1e6
        requests = dict(self.store.requests - before)
        print(f"{name:20} {seconds:8.1f} s {peak:8.2f} GB {requests}", flush=True)
        return result

    def map_units(
        self, work: Callable[[Json], Json], units: Sequence[Json], scratch: str
    ) -> list[Json]:
        """Send the units as `map_units` does, and take made-up results."""
        name = getattr(work, "func", work).__name__
        self.units[name] = len(units)
        make = getattr(self, f"result_of_{name}")

        def content(file: str) -> bytes:
            number = int(file.removeprefix("result-").removesuffix(".json"))
            size = math.ceil(len(units) / MAX_RESULTS)
            of_group = units[number * size : (number + 1) * size]
            results = json.dumps([make(unit) for unit in of_group])
            self.store.made.update([scratch, *re.findall(r'"(gs://[^"]+)/[^"/]*"', results)])
            return results.encode()

        self.store.read_as(scratch, content)
        return map_units(lambda: beam.Pipeline(runner=NoRunner()), work, units, scratch, name)

    def result_of_read_unit(self, unit: Json) -> Json:
        """Return what a unit of reading returns."""
        files = [CorpusFile(*file) for file in unit["files"]]
        size = sum(file.work_bytes for file in files)
        prefix = f"{OUTPUT}/.work/0/{unit['number']:05d}"
        runs = [f"{prefix}.run"]
        self.runs += len(runs)
        self.store.read_as(f"{OUTPUT}/.work/0", self._histogram)
        return {
            "runs": runs,
            "signatures": [f"{prefix}.signatures"],
            "keys": [f"{prefix}.keys"],
            "signed": size // DOCUMENT_BYTES,
            "histogram": f"{prefix}.histogram",
            "filled": [["", file.name] for file in files if file.is_range and file.end_byte],
            "sources": {"": {"files": len(files), "lines": size // 100, "records": 0}},
            "digests": [(file.name, "0" * 64) for file in files if not file.end_byte],
            "first_bad_line": "",
            "buckets": [0, 9_999],
        }

    def result_of_find_candidates(self, unit: Json) -> Json:
        """Return what a range of keys returns."""
        return {"path": f"{OUTPUT}/.work/candidates-{unit['number']}"}

    def result_of_attach_signatures(self, unit: Json) -> Json:
        """Return what a range of ids returns."""
        return {"path": f"{OUTPUT}/.work/signed-{unit['number']}"}

    def result_of_compare(self, unit: Json) -> Json:
        """Return what a range of ids returns, and make up its pairs when they are read."""
        count = int(self.documents * self.near_duplicates / self.units["compare"])

        def pairs(name: str) -> bytes:
            made = np.zeros(count, SIMILAR_PAIR)
            number = int(name.rpartition("-")[2])
            step = (1 << 64) // (self.units["compare"] * count)
            ids = (number * count + np.arange(count)).astype(np.uint64) * np.uint64(step)
            made["later"]["high"], made["earlier"]["high"] = ids, ids // np.uint64(2)
            made["text_bytes"] = 1
            return made.tobytes()

        self.store.read_as("gs://made-up/pairs", pairs)
        return {"path": f"gs://made-up/pairs/similar-{unit['number']}"}

    def result_of_add_group(self, unit: Json) -> Json:
        """Return what a group of shards returns."""
        return {name: unit[name][0] for name in ("token_counts", "value_counts")}

    def result_of_write_shard(self, unit: Json) -> Json:
        """Return what a shard of documents returns."""
        name = f"documents-{unit['shard']:05d}-of-{unit['num_shards']:05d}.tfrecord.gz"
        shard = {"path": name, "records": 61_035, "size_bytes": 1 << 26, "sha256": "0" * 64}
        counts = {"documents": 61_035, "sentences": 610_350, "text_bytes": 1 << 26}
        counts |= {"duplicate_documents": 0}
        return {"shard": shard, "counts": counts, "sources": {}, "shown": {}}

    def make_instances(self, manifest: Manifest) -> None:
        """Run the driver's steps of InstanceGen."""
        settings = InstanceSettings()
        folder = SCRATCH.rpartition("/")[0]
        context = ShardContext(folder, SCRATCH, "", "", settings, MaskingSettings(), 20, 7)
        units = plan_units(OUTPUT, manifest, ["train", "eval"], settings)
        work = functools.partial(_write_instances, context)
        results = self.map_units(work, units, context.scratch)
        self.store.read_as(f"{SCRATCH}/token_counts", lambda name: _token_counts())
        self.store.read_as(
            f"{SCRATCH}/value_counts",
            lambda name: _value_counts(name.partition("-")[0]),
        )
        self.store.read_as(folder, lambda name: b"{}")
        publish.publish_instances(context, ["train", "eval"], units, results, {}, self.map_units)

    def result_of__write_instances(self, unit: Json) -> Json:
        """Return what a shard of instances returns."""
        name = f"{unit['split']}-{unit['number']:05d}"
        shard = {"path": name, "records": 130_000, "size_bytes": 1 << 25, "sha256": "0" * 64}
        counts = {"documents": 61_035, "single_sentence_documents": 0, "instances": 130_000}
        histograms = {"length": [0] * 129, "sentence_tokens": [0] * 129}
        paths = {kind: f"{SCRATCH}/{kind}/{name}" for kind in ("token_counts", "value_counts")}
        return {"shard": shard, "counts": counts, "histograms": histograms, **paths}

    def _list(self) -> Iterator[StoredObject]:
        size = self.documents * DOCUMENT_BYTES // self.files
        for number in range(self.files):
            path = f"{TEXT}/part-{number:07d}.txt"
            yield StoredObject(path, size, number + 1, "A" * 22 + "==", "AAAAAA==", 0.0, None)

    def _histogram(self, name: str) -> bytes:
        share = self.documents * DOCUMENT_BYTES // self.units["read_unit"] // SHARD_BUCKETS
        of_splits = np.array([share * 99 // 100, share // 100], "<i8")
        return np.repeat(of_splits, SHARD_BUCKETS).tobytes()


def _write_instances(context: ShardContext, unit: Json) -> Json:
    raise NotImplementedError  # its results are made up


@functools.cache
def _value_counts(split: str) -> bytes:
    numbers = np.arange(VOCABULARY_SIZE)
    return encode_value_counts({split: {"input_ids": NumberCounts(numbers, numbers, numbers)}})


@functools.cache
def _token_counts() -> bytes:
    content = io.BytesIO()
    np.save(content, np.ones(VOCABULARY_SIZE, np.int64))
    return content.getvalue()


def main() -> None:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--documents", type=float, default=1e9, help="of 1,000 bytes each")
    parser.add_argument("--files", type=float, default=1000)
    parser.add_argument("--near-duplicates", type=float, default=0.0, help="share to drop")
    parser.add_argument("--latency", type=float, default=0.05, help="seconds per request")
    arguments = parser.parse_args()
    documents, files = int(arguments.documents), int(arguments.files)
    Simulation(documents, files, arguments.latency, arguments.near_duplicates).run()


if __name__ == "__main__":
    main()
