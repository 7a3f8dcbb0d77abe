"""The pipeline's components: one folder each, a thin TFX shell around pure functions.

Vertex AI imports artifact types by their `TYPE_NAME`, so they are importable from here. They are
loaded on first use, so that `import components` stays fast.
"""

from typing import Any

_ARTIFACTS = ("CorpusReport", "DownstreamEvaluation", "ModelCard", "Vocabulary")


def __getattr__(name: str) -> Any:
    if name in _ARTIFACTS:
        from components import artifacts

        return getattr(artifacts, name)
    raise AttributeError(f"module 'components' has no attribute {name!r}")
