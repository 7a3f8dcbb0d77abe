"""Beam's flags for each engine that runs the data components."""

import argparse

from apache_beam.options.pipeline_options import PipelineOptions

# Any list of flags without a container flag makes TFX build a source package of itself for each
# component, which takes about a second (`tfx/dsl/components/base/base_beam_executor.py`). Only
# engines that start containers look at it.
_NO_SOURCE_PACKAGE = "--sdk_container_image=unused"


class DaskOptions(PipelineOptions):
    """Our flag that has units of work run on a Dask cluster; see `components/beam_work.py`."""

    @classmethod
    def _add_argparse_args(cls, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("--dask_scheduler", help="Address of the Dask scheduler.")


def local_beam_args(workers: int) -> list[str]:
    """Return the flags for a number of processes on this machine; none for one process."""
    if workers == 1:
        return []
    return [f"--direct_num_workers={workers}", _NO_SOURCE_PACKAGE]


def portable_beam_args(endpoint: str, environment: str) -> list[str]:
    """Return the flags for a job server.

    Args:
        endpoint: host:port of the job server.
        environment: Beam's type of environment and its configuration, for example
            EXTERNAL:localhost:50000.
    """
    kind, _, configuration = environment.partition(":")
    flags = [
        "--runner=PortableRunner",
        f"--job_endpoint={endpoint}",
        f"--environment_type={kind}",
        # Beam would list this environment's packages with pip, which uv does not install.
        "--experiments=disable_logging_submission_environment",
        _NO_SOURCE_PACKAGE,
    ]
    return flags + [f"--environment_config={configuration}"] * bool(configuration)


def dask_beam_args(scheduler: str) -> list[str]:
    """Return the flags that send units of work to a Dask scheduler; the rest runs here."""
    return [f"--dask_scheduler={scheduler}", _NO_SOURCE_PACKAGE]
