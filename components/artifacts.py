"""Define the artifact types that TFX lacks.

A `TYPE_NAME` has Vertex AI's form `package.Name`, which must be importable.
"""

from tfx.types import artifact

Artifacts = dict[str, list[artifact.Artifact]]  # inputs or outputs of an executor, by key


class Vocabulary(artifact.Artifact):
    """A tokenizer: `tokenizer.json`, `tokenizer_config.json`, `manifest.json` and its entries.

    The entries are in `vocab.txt` (WordPiece) or `spiece.model` (SentencePiece).
    """

    TYPE_NAME = "components.Vocabulary"


class CorpusReport(artifact.Artifact):
    """One self-contained HTML file, `report.html`, about documents and instances."""

    TYPE_NAME = "components.CorpusReport"


class DownstreamEvaluation(artifact.Artifact):
    """`downstream.json`: the scores of a model on labeled tasks, beside those of baselines."""

    TYPE_NAME = "components.DownstreamEvaluation"


class ModelCard(artifact.Artifact):
    """`README.md`, which describes a model, its training data and its quality."""

    TYPE_NAME = "components.ModelCard"
