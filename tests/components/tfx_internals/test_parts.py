"""The parts of TFX, Beam and KFP that Textmill depends on still look as they did.

Each test is about one module of `components/tfx_internals` and fails with a sentence that says what
changed, and which module has to be adapted.
"""

import inspect
import json
from pathlib import Path
from typing import Any

from components.tfx_internals import kubeflow_spec


def require(holds: bool, part: str, module: str) -> None:
    """Fail with a sentence that names the changed part and the module that depends on it."""
    assert holds, f"{part} has changed. Adapt components/tfx_internals/{module}.py and its test."


def parameters(function: Any) -> list[str]:
    """Return the names of a function's parameters, without self."""
    return [name for name in inspect.signature(function).parameters if name != "self"]


def test_launcher_has_the_three_methods_that_we_override() -> None:
    from tfx.orchestration.portable.launcher import Launcher

    expected = {
        "_prepare_execution": [],
        "_run_executor": ["execution_info"],
        "_publish_successful_execution": [
            "execution_id", "contexts", "output_dict", "executor_output",
        ],
    }  # fmt: skip
    for name, names in expected.items():
        method = getattr(Launcher, name, None)
        holds = method is not None and parameters(method) == names
        require(holds, f"Launcher.{name}", "launcher")
        called = f"self.{name}(" in inspect.getsource(Launcher.launch)
        require(called, f"Launcher.launch, which called {name},", "launcher")


def test_a_runtime_error_in_verify_artifacts_skips_a_cached_result() -> None:
    from tfx.orchestration.portable import cache_utils

    source = inspect.getsource(cache_utils.get_cached_outputs)
    _, _, after_check = source.partition("artifact_utils.verify_artifacts(")
    require(
        bool(after_check), "cache_utils.get_cached_outputs, which checked artifacts,", "launcher"
    )
    require("except RuntimeError" in after_check, "How the cache lookup skips results", "launcher")


def test_local_pipelines_are_compiled_and_launched_by_the_functions_that_we_call() -> None:
    from tfx.dsl.compiler import constants
    from tfx.orchestration.local import local_dag_runner, runner_utils
    from tfx.orchestration.portable import runtime_parameter_utils, tfx_runner
    from tfx.orchestration.portable.launcher import Launcher

    from components.tfx_internals.local_pipeline import RUN_ID_PARAMETER

    expected = {
        tfx_runner._make_pipeline_proto: ["pipeline"],
        runtime_parameter_utils.substitute_runtime_parameter: ["msg", "parameter_bindings"],
        runner_utils.extract_local_deployment_config: ["pipeline"],
        runner_utils.extract_executor_spec: ["deployment_config", "node_id"],
        runner_utils.extract_custom_driver_spec: ["deployment_config", "node_id"],
    }
    for function, names in expected.items():
        require(parameters(function) == names, function.__qualname__, "local_pipeline")
    passed = {
        "pipeline_node", "mlmd_connection", "pipeline_info", "pipeline_runtime_spec",
        "executor_spec", "custom_driver_spec",
    }  # fmt: skip
    require(passed <= set(parameters(Launcher.__init__)), "Launcher.__init__", "local_pipeline")
    run = inspect.getsource(local_dag_runner.LocalDagRunner.run_with_ir)
    require("launcher.Launcher(" in run, "LocalDagRunner.run_with_ir", "local_pipeline")
    same = constants.PIPELINE_RUN_ID_PARAMETER_NAME == RUN_ID_PARAMETER
    require(same, "The name of the run id parameter", "local_pipeline")


def test_a_dry_run_replaces_all_folders_that_the_launcher_creates() -> None:
    from tfx.orchestration.portable import execution_publish_utils, launcher, outputs_utils

    from components.tfx_internals.local_pipeline import _ScratchOutputs

    source = inspect.getsource(launcher.Launcher._prepare_execution)
    folders = {
        name
        for name, _ in inspect.getmembers(outputs_utils.OutputsResolver, inspect.isfunction)
        if f"_output_resolver.{name}(" in source
    }
    replaced = set(vars(_ScratchOutputs)) | {"generate_output_artifacts"}
    require(bool(folders) and folders <= replaced, "Launcher._prepare_execution", "local_pipeline")
    names = parameters(execution_publish_utils.register_execution)
    passed = {"metadata_handle", "execution_type", "contexts", "exec_properties"}
    require(passed <= set(names), "execution_publish_utils.register_execution", "local_pipeline")
    names = parameters(outputs_utils.populate_exec_properties)
    require(len(names) == 2, "outputs_utils.populate_exec_properties", "local_pipeline")


def test_base_components_take_a_spec() -> None:
    from tfx.dsl.components.base import base_beam_component, base_component

    for base in (base_component.BaseComponent, base_beam_component.BaseBeamComponent):
        holds = "spec" in parameters(base.__init__)
        require(holds, f"The constructor of {base.__name__}", "component_init")


def test_trainer_builds_the_arguments_of_run_fn_in_one_method() -> None:
    from tfx.components.trainer import executor, fn_args_utils

    names = ["input_dict", "output_dict", "exec_properties"]
    method = getattr(executor.GenericExecutor, "_GetFnArgs", None)
    holds = method is not None and parameters(method) == names
    require(holds, "GenericExecutor._GetFnArgs", "executors")
    called = "self._GetFnArgs(" in inspect.getsource(executor.GenericExecutor.Do)
    require(called, "GenericExecutor.Do, which called _GetFnArgs,", "executors")
    fields = {attribute.name for attribute in fn_args_utils.FnArgs.__attrs_attrs__}
    require("train_files" in fields, "FnArgs.train_files", "executors")


def test_validator_validates_each_split_in_one_method() -> None:
    from tfx.components.example_validator import executor

    method = getattr(executor.Executor, "_Validate", None)
    holds = method is not None and len(parameters(method)) == 2
    require(holds, "ExampleValidator's _Validate", "executors")
    called = "self._Validate(" in inspect.getsource(executor.Executor.Do)
    require(called, "ExampleValidator's Do, which called _Validate,", "executors")


def test_vertex_launcher_treats_tfx_evaluators_specially() -> None:
    from tfx.orchestration.kubeflow.v2.container import kubeflow_v2_run_executor

    source = inspect.getsource(kubeflow_v2_run_executor)
    holds = "issubclass(executor_cls, evaluator_executor.Executor)" in source
    require(holds, "How Vertex AI's launcher finds the evaluator", "executors")


def test_pusher_has_the_methods_that_we_reuse() -> None:
    from tfx.components.pusher import executor

    expected = {
        "CheckBlessing": ["input_dict"],
        "GetModelPath": ["input_dict"],
        "_MarkPushed": ["model_push", "pushed_destination", "pushed_version"],
        "_MarkNotPushed": ["model_push"],
    }
    for name, names in expected.items():
        method = getattr(executor.Executor, name, None)
        holds = method is not None and parameters(method) == names
        require(holds, f"The Pusher's {name}", "executors")


def test_training_client_has_the_methods_that_we_call() -> None:
    from tfx.extensions.google_cloud_ai_platform import training_clients

    client = training_clients.VertexJobClient
    source = inspect.getsource(client.create_client)
    holds = "self._client = gapic.JobServiceClient(" in source
    require(holds, "VertexJobClient.create_client", "training_jobs")


def test_training_modules_have_the_names_that_run_spec_replaces() -> None:
    import importlib

    from components.tfx_internals.training_endpoint import CLIENT_MODULE, POLLING_MODULES

    client = importlib.import_module(CLIENT_MODULE)
    require(hasattr(client, "gapic"), f"{CLIENT_MODULE}.gapic", "training_endpoint")
    for module, constant in POLLING_MODULES.items():
        holds = hasattr(importlib.import_module(module), constant)
        require(holds, f"{module}.{constant}", "training_endpoint")


def test_example_gen_driver_has_the_methods_that_we_override() -> None:
    from tfx.components.example_gen import driver, input_processor
    from tfx.orchestration.kubeflow.v2.file_based_example_gen import driver as tfx_driver

    names = ["splits", "range_config", "input_base_uri"]
    holds = parameters(driver.FileBasedDriver.get_input_processor) == names
    require(holds, "FileBasedDriver.get_input_processor", "example_gen_driver")
    names = ["exec_properties", "pipeline_info", "component_info"]
    holds = parameters(driver.FileBasedDriver.resolve_exec_properties) == names
    require(holds, "FileBasedDriver.resolve_exec_properties", "example_gen_driver")
    processor = input_processor.FileBasedInputProcessor
    names = parameters(processor.get_input_fingerprint)
    require(names == ["span", "version"], "get_input_fingerprint", "example_gen_driver")
    names = parameters(processor.get_pattern_for_span_version)
    holds = names == ["pattern", "span", "version"]
    require(holds, "get_pattern_for_span_version", "example_gen_driver")
    parser = getattr(tfx_driver, "_parse_flags", None)
    require(parser is not None, "The driver's _parse_flags", "example_gen_driver")


def test_entrypoint_utilities_take_what_our_driver_passes() -> None:
    from tfx.orchestration.kubeflow.v2.container import kubeflow_v2_entrypoint_utils as utils

    expected = {
        "parse_execution_properties": 3, "parse_raw_artifact_dict": 2, "to_runtime_artifact": 2,
    }  # fmt: skip
    for name, count in expected.items():
        function = getattr(utils, name, None)
        holds = function is not None and len(parameters(function)) == count
        require(holds, f"kubeflow_v2_entrypoint_utils.{name}", "example_gen_driver")


def test_names_in_compiled_specs_are_those_of_tfx() -> None:
    from tfx.orchestration.kubeflow.v2 import pipeline_builder, step_builder

    same = pipeline_builder.DEFAULT_IMAGE_PATH_KEY == kubeflow_spec.DEFAULT_IMAGE
    require(same, "The key of the default image", "kubeflow_spec")
    holds = f"'{kubeflow_spec.INNER_DAG}" in inspect.getsource(pipeline_builder)
    require(holds, "The name of the component that contains all tasks", "kubeflow_spec")
    suffixes = {step_builder._MODEL_BLESSING_RESOLVER_SUFFIX, step_builder._MODEL_RESOLVER_SUFFIX}
    same = suffixes == set(kubeflow_spec.RESOLVER_SUFFIXES)
    require(same, "The suffixes of resolver tasks", "kubeflow_spec")
    source = inspect.getsource(step_builder)
    require(
        kubeflow_spec.INPUTS_SPEC_FLAG in source, "The flag of the input types", "kubeflow_spec"
    )
    require("pre_cache_check=" in source, "The hook of the driver's command", "kubeflow_spec")


def test_compiled_spec_has_the_keys_that_we_complete(tmp_path: Path) -> None:
    from tfx.orchestration.pipeline import Pipeline

    from components.run_record.component import RunRecord

    node = RunRecord(recipe="r", record_root="w").with_id("Node")
    pipeline = Pipeline(pipeline_name="p", pipeline_root=str(tmp_path), components=[node])
    record = RunRecord(recipe="r", record_root="w")
    spec = kubeflow_spec.compile_spec(pipeline, "image", record)
    tasks = spec["components"][kubeflow_spec.INNER_DAG]["dag"]["tasks"]
    require("Node" in tasks, "Where a compiled spec lists its tasks", "kubeflow_spec")
    require(
        "RunRecord" in spec["root"]["dag"]["tasks"], "The exit handler's place", "kubeflow_spec"
    )
    label = spec["components"]["Node"].get("executorLabel")
    container = spec["deploymentSpec"]["executors"].get(label, {}).get("container", {})
    require(container.get("image") == "image", "Where a spec keeps containers", "kubeflow_spec")
    arguments = container["args"]
    types = arguments[arguments.index(kubeflow_spec.INPUTS_SPEC_FLAG) + 1]
    require("parameters" in json.loads(types), "The content of the input types", "kubeflow_spec")


def test_tfx_builds_no_source_package_for_our_beam_flags() -> None:
    from tfx.utils import dependency_utils

    from components.tfx_internals.beam_flags import local_beam_args

    assert local_beam_args(1) == []
    flags = local_beam_args(2)
    same = dependency_utils.make_beam_dependency_flags(flags) == flags
    require(same, "How TFX decides whether to package itself for Beam", "beam_flags")


def test_beam_executors_make_their_pipeline_in_one_method() -> None:
    from tfx.dsl.components.base.base_beam_executor import BaseBeamExecutor

    method = getattr(BaseBeamExecutor, "_make_beam_pipeline", None)
    holds = method is not None and parameters(method) == []
    require(holds, "BaseBeamExecutor._make_beam_pipeline", "beam_executor")
