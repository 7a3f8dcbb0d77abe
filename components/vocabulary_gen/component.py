"""Define VocabularyGen, the component that makes a vocabulary from documents."""

from typing import Any

from tfx.dsl.components.base import base_beam_component, executor_spec
from tfx.types import standard_artifacts
from tfx.types.component_spec import ChannelParameter, ComponentSpec, ExecutionParameter

from components.artifacts import Vocabulary
from components.settings import VocabularySettings
from components.tfx_internals.component_init import SpecComponent
from components.vocabulary_gen.executor import VocabularyGenExecutor
from components.vocabulary_gen.importing import import_digest


class VocabularyGenSpec(ComponentSpec):
    """Declare parameters, inputs and outputs."""

    PARAMETERS = {
        "vocabulary_settings": ExecutionParameter(type=str),  # VocabularySettings as JSON
        "import_digest": ExecutionParameter(type=str),
        "code_digest": ExecutionParameter(type=str),  # of the executor's code, for TFX's cache key
    }
    INPUTS = {
        "documents": ChannelParameter(type=standard_artifacts.Examples),
        # The model that `import_from: latest_blessed` stands for.
        "base_model": ChannelParameter(type=standard_artifacts.Model, optional=True),
    }
    OUTPUTS = {"vocabulary": ChannelParameter(type=Vocabulary)}


class VocabularyGen(SpecComponent, base_beam_component.BaseBeamComponent):
    """Trains a vocabulary on the train split, or imports one, and checks it on the text.

    Example:
        vocabulary = VocabularyGen(
            documents=documents.outputs["examples"],
            vocabulary_settings=VocabularySettings(size=30_000).model_dump_json(),
            code_digest=code_digest("components.vocabulary_gen.executor"),
        )

    Outputs:
        vocabulary: `components.Vocabulary` with vocab.txt (WordPiece) or spiece.model
            (SentencePiece), tokenizer.json and tokenizer_config.json, which `transformers` can
            load, and manifest.json.
    """

    SPEC_CLASS = VocabularyGenSpec
    EXECUTOR_SPEC = executor_spec.BeamExecutorSpec(VocabularyGenExecutor)

    def __init__(self, *, vocabulary_settings: str, **values: Any) -> None:
        """Build the component; the content of files to import is part of the cache key."""
        settings = VocabularySettings.model_validate_json(vocabulary_settings)
        digest = import_digest(settings.import_from)
        super().__init__(vocabulary_settings=vocabulary_settings, import_digest=digest, **values)
