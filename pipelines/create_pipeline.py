"""Build the one DAG that every runner runs, from a recipe and the locations that it uses.

    text ─► documents ─► vocabulary ─► instances ─► model ─► evaluation ─► published model

Validators stop what depends on bad documents or instances. `pipelines/nodes/` has the nodes.
"""

from tfx.orchestration import metadata
from tfx.orchestration.pipeline import Pipeline

from components.tfx_internals.beam_flags import dask_beam_args, local_beam_args, portable_beam_args
from pipelines.nodes.instances import make_export, make_instance_nodes, make_report
from pipelines.nodes.model import make_model_nodes
from pipelines.nodes.text import make_text_nodes
from pipelines.recipe.settings import BeamSettings, Recipe
from pipelines.run_environment import Locations, Platform


def create_pipeline(
    recipe: Recipe, locations: Locations, platform: Platform | None = None
) -> Pipeline:
    """Build the pipeline from raw text to a published encoder, by default for this machine.

    Returns:
        The pipeline, with caching on.
    """
    platform = platform or Platform()
    text = make_text_nodes(recipe, locations)
    phases = make_instance_nodes(recipe, platform, text)
    first, *later = phases
    report = make_report(recipe, text, first)
    export = make_export(recipe, first)
    return Pipeline(
        pipeline_name=recipe.name,
        pipeline_root=locations.pipeline_root,
        components=[
            *text.in_order(),
            *first.in_order(),
            report,
            *([export] if export else []),
            *(node for phase in later for node in phase.in_order()),
            *make_model_nodes(recipe, locations, platform, text, phases),
        ],
        enable_cache=True,
        metadata_connection_config=locations.metadata_path
        and metadata.sqlite_metadata_connection_config(locations.metadata_path),
        beam_pipeline_args=_beam_args(recipe.beam)
        if platform.beam_args is None
        else list(platform.beam_args),
    )


def _beam_args(settings: BeamSettings) -> list[str]:
    if settings.engine == "portable":
        return portable_beam_args(str(settings.endpoint), str(settings.environment))
    if settings.engine == "dask":
        return dask_beam_args(str(settings.endpoint))
    return local_beam_args(settings.workers)
