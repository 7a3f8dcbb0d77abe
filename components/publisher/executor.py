"""Publish a blessed model, and record that with TFX's properties."""

import json
import logging
from datetime import UTC, datetime
from typing import Any

from tfx.components.evaluator import constants
from tfx.types import Artifact, artifact_utils, standard_component_specs

from components.artifacts import Artifacts
from components.publisher.publish import publish
from components.publisher.registry import register
from components.tfx_internals.executors import PusherExecutor
from core import storage
from core.file_names import CARD, PUBLISHED
from core.provenance import current_user

log = logging.getLogger(__name__)


class Executor(PusherExecutor):
    """Publish a model with its card as a new version."""

    def Do(
        self, input_dict: Artifacts, output_dict: Artifacts, exec_properties: dict[str, Any]
    ) -> None:
        """Publish a blessed model and write `published.json`.

        Args:
            input_dict: `model`, `model_card`, and optionally `model_blessing`.
            output_dict: `pushed_model`, with TFX's properties `pushed`, `pushed_destination` and
                `pushed_version`, and `published_by` and `published_at`; or `pushed` 0 and `reason`.
            exec_properties: `destination`, `registry`, `code_digest`.

        Raises:
            InputError: the model is incomplete, or the destination is not writable.
            RegistryError: the version is published, but was not registered.
        """
        pushed = artifact_utils.get_single_instance(
            output_dict[standard_component_specs.PUSHED_MODEL_KEY]
        )
        if not self.is_blessed(input_dict):
            reason = _reason(input_dict)
            log.warning("Not published: %s", reason)
            self.mark_not_pushed(pushed)
            pushed.set_string_custom_property("reason", reason)
            _write(pushed, {"pushed": False, "reason": reason})
            return
        card = artifact_utils.get_single_uri(input_dict["model_card"])
        destination = exec_properties["destination"]
        publication = publish(self.model_path(input_dict), card, destination)
        _write(pushed, {"pushed": True, "destination": destination, **vars(publication)})
        self.mark_pushed(pushed, publication.folder, publication.version)
        if registry := exec_properties.get("registry"):
            text = storage.read_bytes(storage.join(card, CARD)).decode()
            name = register(registry, publication, text)
            pushed.set_string_custom_property("registry_version", name)
        # Not in a file, because files must not differ between runs that publish the same content.
        pushed.set_string_custom_property("published_by", current_user())
        moment = datetime.now(tz=UTC).isoformat(timespec="seconds")
        pushed.set_string_custom_property("published_at", moment)


def _reason(input_dict: Artifacts) -> str:
    """Return why the model was not blessed, as the evaluator recorded it."""
    blessing = artifact_utils.get_single_instance(
        input_dict[standard_component_specs.MODEL_BLESSING_KEY]
    )
    path = storage.join(blessing.uri, constants.NOT_BLESSED_FILE_NAME)
    written = (storage.read_if_exists(path) or b"").decode()
    reasons = "; ".join(line for line in written.splitlines() if line)
    return f"the model was not blessed: {reasons or 'no reason was recorded'}"


def _write(pushed: Artifact, content: dict[str, Any]) -> None:
    text = json.dumps(content, indent=1, sort_keys=True) + "\n"
    storage.write_bytes(storage.join(pushed.uri, PUBLISHED), text.encode())
