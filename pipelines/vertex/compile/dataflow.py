"""Run the Beam pipelines of the data components on Dataflow instead of in their own containers."""

from collections.abc import Iterable

from tfx.components import StatisticsGen
from tfx.dsl.components.base import base_node

from components.instance_gen.component import InstanceGen
from components.text_example_gen.component import TextExampleGen
from pipelines.recipe.vertex_settings import DataflowSettings
from pipelines.vertex.compile.placeholders import placeholder

# The other components read little, or do not use Beam.
LARGE_COMPONENTS = (TextExampleGen, InstanceGen, StatisticsGen)


def use_dataflow(
    nodes: Iterable[base_node.BaseNode], recipe: str, settings: DataflowSettings, image: str | None
) -> None:
    """Set the flags of Dataflow's runner on the nodes with large inputs.

    Args:
        nodes: nodes of the pipeline; modified in place.
        recipe: name that labels the jobs.
        settings: workers and network.
        image: container image of the workers.
    """
    for node in nodes:
        if isinstance(node, LARGE_COMPONENTS):
            node.with_beam_pipeline_args(dataflow_args(recipe, settings, image))


def dataflow_args(recipe: str, settings: DataflowSettings, image: str | None) -> list[str]:
    """Return Beam's flags; project, region and folders are filled in at submission."""
    folder = f"{placeholder('pipeline_root')}/dataflow"
    flags = [
        "--runner=DataflowRunner",
        f"--project={placeholder('project')}",
        f"--region={placeholder('region')}",
        f"--temp_location={folder}/temp",
        f"--staging_location={folder}/staging",
        # The image contains our package. Without this flag, TFX builds and uploads it per task.
        f"--sdk_container_image={image}",
        "--sdk_location=container",
        f"--max_num_workers={settings.max_workers}",
        f"--worker_machine_type={settings.machine_type}",
        f"--labels=textmill_recipe={recipe}",
    ]
    if settings.network:
        flags.append(f"--network={settings.network}")
    if settings.subnetwork:
        flags.append(f"--subnetwork={settings.subnetwork}")
    if not settings.public_ips:
        flags.append("--no_use_public_ips")
    if settings.service_account:
        flags.append(f"--service_account_email={settings.service_account}")
    return flags
