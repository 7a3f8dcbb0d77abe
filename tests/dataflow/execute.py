"""Execute a pipeline that was staged for Dataflow: `python -m tests.dataflow.execute FILE`.

Beam's own runner hands it to processes of Beam's harness, as Dataflow's hands it to containers.
"""

import os
import sys
from pathlib import Path

from apache_beam.options.pipeline_options import PipelineOptions
from apache_beam.portability import python_urns
from apache_beam.portability.api import beam_runner_api_pb2
from apache_beam.runners.portability.fn_api_runner.fn_runner import FnApiRunner

HARNESS = f"{sys.executable} -m apache_beam.runners.worker.sdk_worker_main"


def main(path: str) -> None:
    """Replace the container images by processes of this Python, and run."""
    pipeline = beam_runner_api_pb2.Pipeline.FromString(Path(path).read_bytes())
    for environment in pipeline.components.environments.values():
        environment.urn = python_urns.SUBPROCESS_SDK
        environment.payload = HARNESS.encode()
    FnApiRunner().run_via_runner_api(pipeline, PipelineOptions([])).wait_until_finish()


if __name__ == "__main__":
    main(sys.argv[1])
    os._exit(0)  # Beam's idle threads take seconds to end
