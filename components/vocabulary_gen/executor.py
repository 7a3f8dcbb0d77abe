"""Run VocabularyGen: unpack the artifacts and settings and make the vocabulary."""

import functools
from typing import Any

from tfx.types import artifact_utils
from tfx.utils import path_utils

from components.artifacts import Artifacts
from components.beam_work import map_units
from components.settings import VocabularySettings
from components.tfx_internals.beam_executor import BeamExecutor
from components.vocabulary_gen.make_vocabulary import make_vocabulary
from core import storage
from core.temporary import SCRATCH


class VocabularyGenExecutor(BeamExecutor):
    """Writes a vocabulary."""

    def Do(
        self, input_dict: Artifacts, output_dict: Artifacts, exec_properties: dict[str, Any]
    ) -> None:
        """Make the vocabulary that the settings describe.

        Args:
            input_dict: `documents`, one Examples artifact; `base_model`, which may be missing or
                empty.
            output_dict: `vocabulary`, one Vocabulary artifact.
            exec_properties: `vocabulary_settings` (JSON), `code_digest`.
        """
        self._log_startup(input_dict, output_dict, exec_properties)
        models = input_dict.get("base_model")
        folder = artifact_utils.get_single_uri(output_dict["vocabulary"])
        make_vocabulary(
            artifact_utils.get_single_uri(input_dict["documents"]),
            VocabularySettings.model_validate_json(exec_properties["vocabulary_settings"]),
            folder,
            exec_properties["code_digest"],
            functools.partial(map_units, self.make_pipeline, label="VocabularyGen"),
            latest_blessed=path_utils.serving_model_path(models[0].uri) if models else None,
        )
        storage.remove_tree(storage.join(folder, SCRATCH))
