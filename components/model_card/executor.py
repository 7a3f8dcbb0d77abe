"""Write a model card from the manifests of the artifacts that a model comes from."""

from typing import Any

from tfx.dsl.components.base import base_executor
from tfx.types import artifact_utils
from tfx.utils import path_utils

from components.artifacts import Artifacts
from components.model_card.card import provenance, render_card
from components.model_card.origin import read_origin
from components.settings import ModelCardSettings
from core import storage
from core.file_names import CARD


class Executor(base_executor.BaseExecutor):
    """Write `README.md`."""

    def Do(
        self, input_dict: Artifacts, output_dict: Artifacts, exec_properties: dict[str, Any]
    ) -> None:
        """Write the card.

        Args:
            input_dict: `model`, `evaluation`, `documents`, `vocabulary`, `instances`; `blessing`
                is not read, because the evaluation has its content.
            output_dict: `model_card`, with the provenance as custom properties.
            exec_properties: `card_settings` (ModelCardSettings as JSON), `code_digest`.

        Raises:
            InputError: an artifact is incomplete, or the model was trained on other instances.
        """
        settings = ModelCardSettings.model_validate_json(exec_properties["card_settings"])
        model = artifact_utils.get_single_uri(input_dict["model"])
        names = ("evaluation", "documents", "vocabulary", "instances")
        uris = {name: artifact_utils.get_single_uri(input_dict[name]) for name in names}
        origin = read_origin(model=path_utils.serving_model_path(model), **uris)
        card = artifact_utils.get_single_instance(output_dict["model_card"])
        text = render_card(origin, settings, exec_properties["code_digest"])
        storage.write_bytes(storage.join(card.uri, CARD), text.encode())
        # Also in ML Metadata, so that a review does not need the folder of the model.
        for name, value in provenance(origin, settings, exec_properties["code_digest"]).items():
            card.set_string_custom_property(name.lower().replace(" ", "_"), str(value))
