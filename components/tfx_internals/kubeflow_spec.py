"""Compile a pipeline to a Kubeflow spec, run its tasks, and name what TFX does not document in it.

`pipelines/vertex/compile` completes the compiled spec and `textmill run-spec` runs it. Both look up
these names, which TFX's compiler (`tfx/orchestration/kubeflow/v2`) chooses. The containers run
`components.run_task`, which calls TFX's entry point here.
"""

from typing import Any

from core.loading import loading_libraries

# The key of the image for all tasks without an image of their own (`pipeline_builder`).
DEFAULT_IMAGE = "default_image_path"
# The component that contains all other tasks when the pipeline has an exit handler.
INNER_DAG = "tfx-dag"
# The flag that tells a container the types of its inputs.
INPUTS_SPEC_FLAG = "--json_serialized_inputs_spec_args"
# TFX compiles a resolver of the latest blessed model to two tasks: the suffix of the task's name in
# the spec, and the suffix of our node id.
RESOLVER_SUFFIXES = {"-model-blessing-resolver": "-blessing", "-model-resolver": ""}


# The command that TFX's compiler gives to the containers.
TFX_COMMAND = ["python", "-m", "tfx.orchestration.kubeflow.v2.container.kubeflow_v2_run_executor"]


def compile_spec(pipeline: Any, images: str | dict[str, str], exit_handler: Any) -> dict[str, Any]:
    """Compile a pipeline to a PipelineSpec (schema 2.1) as JSON.

    `images` is the container image of all tasks, or of each task and `DEFAULT_IMAGE`.
    """
    # Imported here because `run-spec` needs the names only.
    from tfx.orchestration.kubeflow.v2 import kubeflow_v2_dag_runner as kubeflow

    runner = kubeflow.KubeflowV2DagRunner(
        config=kubeflow.KubeflowV2DagRunnerConfig(default_image=images, use_pipeline_spec_2_1=True)
    )
    runner.set_exit_handler(exit_handler)
    spec: dict[str, Any] = runner.run(pipeline, write_out=False)["pipelineSpec"]
    return spec


def parse_executor_flags(arguments: list[str]) -> Any:
    """Parse the flags of a container with TFX's private parser."""
    with loading_libraries():
        from tfx.orchestration.kubeflow.v2.container import kubeflow_v2_run_executor

    return kubeflow_v2_run_executor._parse_flags(arguments)


def run_executor(flags: Any) -> None:
    """Run the executor that the parsed flags name, and write its output file."""
    from tfx.orchestration.kubeflow.v2.container import kubeflow_v2_run_executor

    kubeflow_v2_run_executor.main(flags)
