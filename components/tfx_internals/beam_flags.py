"""Beam's flags for several worker processes on this machine."""


def local_beam_args(workers: int) -> list[str]:
    """Return Beam's flags for a number of processes on this machine.

    There are no flags for one process. Any other list of flags makes TFX build a source package of
    itself for each component, which takes about a second, unless a container flag is present
    (`tfx/dsl/components/base/base_beam_executor.py`). A local run ignores that flag.
    """
    if workers == 1:
        return []
    return [
        f"--direct_num_workers={workers}",
        "--direct_running_mode=multi_processing",
        "--sdk_container_image=unused",
    ]
