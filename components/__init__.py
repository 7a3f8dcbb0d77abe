"""The components: one folder each, a thin TFX shell around pure steps.

The artifact types are importable from here because Vertex AI imports a custom type by the
string of its `TYPE_NAME`; they are loaded on first use, so that `import components` stays cheap.
"""

from typing import Any

_ARTIFACTS = ("CorpusReport", "ModelCard", "Vocabulary")


def __getattr__(name: str) -> Any:
    if name in _ARTIFACTS:
        from components import artifacts

        return getattr(artifacts, name)
    raise AttributeError(f"module 'components' has no attribute {name!r}")
