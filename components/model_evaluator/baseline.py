"""Which earlier model a new one has to beat: the latest blessed one that is not itself."""

from typing import Any

from tfx import types
from tfx.components.evaluator import constants
from tfx.dsl.components.common import resolver

Artifacts = dict[str, list[types.Artifact]]


class LatestOtherBlessedModelStrategy(resolver.ResolverStrategy):
    """Resolves the latest blessed model other than the candidate.

    TFX's own LatestBlessedModelStrategy also returns the candidate when a run is repeated and its
    model comes from the cache: the model would be compared with itself, and evaluation and
    publishing would run again. Here a repeated run resolves the same baseline as before.
    """

    def resolve_artifacts(self, store: Any, input_dict: Artifacts) -> Artifacts:
        """Picks the baseline.

        Args:
            store: ML Metadata, not used.
            input_dict: `model` and `model_blessing`, all that the pipeline ever made, and
                `candidate`, the model of this run.

        Returns:
            The same keys; `model` and `model_blessing` have one element or none.
        """
        candidates = {artifact.id for artifact in input_dict["candidate"]}
        models = {artifact.id: artifact for artifact in input_dict["model"]}
        newest_first = sorted(input_dict["model_blessing"], key=lambda a: a.id, reverse=True)
        for blessing in newest_first:
            of = blessing.get_int_custom_property(constants.ARTIFACT_PROPERTY_CURRENT_MODEL_ID_KEY)
            value = blessing.get_int_custom_property(constants.ARTIFACT_PROPERTY_BLESSED_KEY)
            if value == constants.BLESSED_VALUE and of in models and of not in candidates:
                return {**input_dict, "model": [models[of]], "model_blessing": [blessing]}
        return {**input_dict, "model": [], "model_blessing": []}
