"""Where a run, a schedule or a quota is shown in Google Cloud's console."""

from pipelines.cloud.target import Target

CONSOLE = "https://console.cloud.google.com"


def run_link(target: Target, run_id: str) -> str:
    """The page of a run, with its graph and its logs."""
    return (
        f"{CONSOLE}/vertex-ai/locations/{target.region}/pipelines/runs/{run_id}"
        f"?project={target.project}"
    )


def schedule_link(target: Target, schedule_id: str) -> str:
    """The page of a schedule."""
    return (
        f"{CONSOLE}/vertex-ai/locations/{target.region}/pipelines/schedules/{schedule_id}"
        f"?project={target.project}"
    )
