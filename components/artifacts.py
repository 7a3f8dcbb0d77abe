"""The artifact types that TFX does not have.

A `TYPE_NAME` has Vertex AI's form `package.Name`, and that string is importable.
"""

from tfx.types import artifact


class Vocabulary(artifact.Artifact):
    """A tokenizer: `tokenizer.json`, `tokenizer_config.json`, `manifest.json`, and its entries.

    These are in `vocab.txt` (WordPiece) or `spiece.model` (SentencePiece).
    """

    TYPE_NAME = "components.Vocabulary"


class CorpusReport(artifact.Artifact):
    """One self-contained HTML file, `report.html`, about documents and instances."""

    TYPE_NAME = "components.CorpusReport"


class ModelCard(artifact.Artifact):
    """`README.md`: what a model is, what it was made from and how well it does."""

    TYPE_NAME = "components.ModelCard"
