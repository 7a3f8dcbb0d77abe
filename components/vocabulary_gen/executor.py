"""The executor of VocabularyGen: unpack and call."""

from typing import Any

from tfx.dsl.components.base import base_executor
from tfx.types import artifact, artifact_utils

from components.settings import VocabularySettings
from components.vocabulary_gen.make_vocabulary import make_vocabulary


class VocabularyGenExecutor(base_executor.BaseExecutor):
    """Writes a vocabulary."""

    def Do(
        self,
        input_dict: dict[str, list[artifact.Artifact]],
        output_dict: dict[str, list[artifact.Artifact]],
        exec_properties: dict[str, Any],
    ) -> None:
        """Makes the vocabulary that the settings describe.

        Args:
            input_dict: `documents`, one Examples artifact.
            output_dict: `vocabulary`, one Vocabulary artifact.
            exec_properties: `vocabulary_settings` (JSON), `code_digest`.
        """
        self._log_startup(input_dict, output_dict, exec_properties)
        make_vocabulary(
            artifact_utils.get_single_uri(input_dict["documents"]),
            VocabularySettings.model_validate_json(exec_properties["vocabulary_settings"]),
            artifact_utils.get_single_uri(output_dict["vocabulary"]),
            exec_properties["code_digest"],
        )
