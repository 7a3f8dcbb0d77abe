"""Resolve the baseline of a model: the latest blessed model other than itself."""

import logging
from typing import Any

from tfx import types
from tfx.components.evaluator import constants
from tfx.dsl.components.common import resolver
from tfx.utils import path_utils

from components.artifacts import Artifacts
from core.errors import InputError
from core.manifest import read_manifest, verify_shards

log = logging.getLogger(__name__)


class LatestOtherBlessedModelStrategy(resolver.ResolverStrategy):
    """Resolve the latest blessed model other than the candidate.

    TFX's own LatestBlessedModelStrategy also returns the candidate if a run is repeated and its
    model comes from the cache. The model would be compared with itself, and evaluation and
    publishing would run again. Here a repeated run resolves the same baseline as before, even if
    its model was lost and trained again. Damaged models are skipped.
    """

    def resolve_artifacts(self, store: Any, input_dict: Artifacts) -> Artifacts:
        """Choose the baseline.

        Args:
            store: ML Metadata; not used.
            input_dict: `model` and `model_blessing` with all artifacts of the pipeline, and
                `candidate` with the model of this run.

        Returns:
            The same keys; `model` and `model_blessing` have at most one element.
        """
        candidates = {artifact.id for artifact in input_dict["candidate"]}
        contents = {_content(artifact, verify=False) for artifact in input_dict["candidate"]}
        models = {artifact.id: artifact for artifact in input_dict["model"]}
        newest_first = sorted(input_dict["model_blessing"], key=lambda a: a.id, reverse=True)
        for blessing in newest_first:
            of = blessing.get_int_custom_property(constants.ARTIFACT_PROPERTY_CURRENT_MODEL_ID_KEY)
            value = blessing.get_int_custom_property(constants.ARTIFACT_PROPERTY_BLESSED_KEY)
            if value != constants.BLESSED_VALUE or of not in models or of in candidates:
                continue
            if _content(models[of], verify=True) not in {None, *contents}:
                return {**input_dict, "model": [models[of]], "model_blessing": [blessing]}
        return {**input_dict, "model": [], "model_blessing": []}


def _content(model: types.Artifact, *, verify: bool) -> str | None:
    """Return the digest of a model's content; None if it is missing or fails verification."""
    folder = path_utils.serving_model_path(model.uri)
    try:
        manifest = read_manifest(folder)
        if verify:
            verify_shards(folder, manifest)
    except InputError as error:
        log.warning("A blessed model is skipped as a baseline: %s", error)
        return None
    return manifest.content_digest()
