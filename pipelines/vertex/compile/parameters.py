"""Derive the parameters of a spec, with their defaults, from its recipe."""

from pipelines.compiled_spec.parameters import Parameter, ParameterError
from pipelines.recipe.settings import Recipe


def parameters_of(recipe: Recipe) -> tuple[Parameter, ...]:
    """The parameters of a recipe's spec, with the recipe's own values as defaults.

    Raises:
        ParameterError: the recipe has no part `vertex`.
    """
    vertex = recipe.vertex
    if vertex is None:
        raise ParameterError(
            f"The recipe {recipe.name} has no part `vertex:`, which names images and machines. "
            f"Copy it from pipelines/recipes/vertex.yaml."
        )
    trainer = recipe.trainer
    # On Kubeflow only Dataflow asks for these two.
    unknown = None if vertex.platform == "vertex" or vertex.dataflow else ""
    project, region = vertex.project or unknown, vertex.region or unknown
    return (
        Parameter("project", str, "Google Cloud project that the training runs in.", project),
        Parameter("region", str, "Region of the training, as us-central1.", region),
        Parameter(
            "pipeline_root",
            str,
            "gs:// folder of this pipeline: artifacts, checkpoints, run records, published models.",
            vertex.pipeline_root,
        ),
        Parameter("text_root", str, "gs:// folder that all text lies under.", vertex.text_root),
        Parameter(
            "text_pattern",
            str,
            "Globs under text_root, with commas between them; ** is all; one may hold {SPAN}.",
            vertex.text_pattern,
        ),
        Parameter("span", str, "Which {SPAN} of the text to take: a number, or newest.", "newest"),
        Parameter("steps", int, "Optimizer updates.", trainer.steps),
        Parameter(
            "warmup_steps", int, "Steps of linear warm-up, below steps.", trainer.warmup_steps
        ),
        Parameter("learning_rate", float, "Peak learning rate.", trainer.learning_rate),
        Parameter(
            "global_batch_size", int, "Instances a step, over all chips.", trainer.global_batch_size
        ),
        Parameter("seed", int, "Of every random draw.", recipe.seed),
        Parameter("model_size", str, "The paper's size, as base or large.", recipe.model.size),
        Parameter(
            "service_account",
            str,
            "Service account that the training runs as; empty for Vertex AI's own.",
            vertex.service_account or "",
        ),
    )
