"""Evaluate a model on labeled tasks, and write the results."""

from typing import Any

from tfx.dsl.components.base import base_executor
from tfx.types import artifact_utils
from tfx.utils import path_utils

from components.artifacts import Artifacts
from components.downstream_evaluator.evaluate import evaluate_model
from components.downstream_evaluator.read_task import check_unchanged
from components.downstream_evaluator.results import write_results


class Executor(base_executor.BaseExecutor):
    """Evaluate a model on the tasks of a recipe."""

    def Do(
        self, input_dict: Artifacts, output_dict: Artifacts, exec_properties: dict[str, Any]
    ) -> None:
        """Write `downstream.json`.

        Args:
            input_dict: `model`, and `baseline_model`, which may be missing or empty.
            output_dict: `downstream_evaluation`, with the scores as custom properties.
            exec_properties: `downstream_settings` (JSON), `tasks_digest`, `code_digest`.

        Raises:
            InputError: a file changed since the run started, or an example cannot be used.
        """
        settings = check_unchanged(
            exec_properties["downstream_settings"], exec_properties["tasks_digest"]
        )
        model = artifact_utils.get_single_instance(input_dict["model"])
        # Vertex AI's resolver may return the model itself (see model_evaluator/baseline.py).
        latest = [b for b in input_dict.get("baseline_model") or [] if b.uri != model.uri]
        results = evaluate_model(
            path_utils.serving_model_path(model.uri),
            settings,
            path_utils.serving_model_path(latest[0].uri) if latest else None,
        )
        output = artifact_utils.get_single_instance(output_dict["downstream_evaluation"])
        write_results(results, settings, output.uri)
        for result in results.values():
            for name, value in result.metrics().items():
                output.set_float_custom_property(name, value)
