"""The names that TFX writes to ML Metadata and to folders are those that Textmill reads.

Modules without TFX repeat these names as constants, so that `textmill lineage` and `textmill
run-spec` start quickly. Each test fails with a sentence that names the constant.
"""

import inspect

import pytest


def require(actual: str, constant: str, module: str) -> None:
    """Fail with a sentence that names the constant to change."""
    assert actual == constant, f"TFX now writes {actual!r}. Change {constant!r} in {module}."


def test_resolvers_and_importers_have_the_execution_types_that_we_look_for() -> None:
    from tfx.dsl.components.common.importer import Importer
    from tfx.dsl.components.common.resolver import Resolver

    from pipelines.metadata.names import RESOLVER
    from pipelines.spec_runner.tasks.lookups import IMPORTER

    require(f"{Resolver.__module__}.{Resolver.__name__}", RESOLVER, "pipelines/metadata/names.py")
    module = "pipelines/spec_runner/tasks/lookups.py"
    require(f"{Importer.__module__}.{Importer.__name__}", IMPORTER, module)


def test_a_model_artifact_has_its_saved_model_in_the_folder_that_we_read() -> None:
    from tfx.utils import path_utils

    from pipelines.metadata.folders import SERVING

    folder = path_utils.serving_model_dir("model").rpartition("/")[2]
    require(folder, SERVING, "pipelines/metadata/folders.py")


@pytest.mark.parametrize("name", ["PIPELINE_CONTEXT", "RUN_CONTEXT", "NODE_CONTEXT"])
def test_contexts_have_the_types_that_we_look_for(name: str) -> None:
    from tfx.dsl.compiler import constants

    from pipelines.metadata import names

    types = {
        "PIPELINE_CONTEXT": constants.PIPELINE_CONTEXT_TYPE_NAME,
        "RUN_CONTEXT": constants.PIPELINE_RUN_CONTEXT_TYPE_NAME,
        "NODE_CONTEXT": constants.NODE_CONTEXT_TYPE_NAME,
    }
    require(types[name], getattr(names, name), "pipelines/metadata/names.py")


def test_pushed_models_have_the_properties_that_we_read() -> None:
    from tfx.components.pusher import executor

    from pipelines.metadata.names import PUSHED_DESTINATION, PUSHED_VERSION

    module = "pipelines/metadata/names.py"
    require(executor._PUSHED_DESTINATION_KEY, PUSHED_DESTINATION, module)
    require(executor._PUSHED_VERSION_KEY, PUSHED_VERSION, module)


def test_lists_in_properties_are_stored_as_we_read_them() -> None:
    from tfx.types import artifact

    source = inspect.getsource(artifact)
    message = (
        "TFX stores lists and objects in properties differently now. Change get_value and its "
        "counterpart in pipelines/metadata/mlmd/convert.py."
    )
    assert "'__value__'" in source, message
