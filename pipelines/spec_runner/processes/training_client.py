"""TFX's client for Vertex AI's training, pointed at the service that this machine plays.

TFX hard-codes the endpoint (tfx/extensions/google_cloud_ai_platform), and waiting jobs are looked
at every 30 seconds. Everything else stays as it is: the request is built, sent and read by
Google's own client.
"""

import importlib.abc
import importlib.machinery
import os
import sys
from collections.abc import Sequence
from types import ModuleType
from typing import Any

ENDPOINT = "TEXTMILL_TRAINING_ENDPOINT"  # environment: http://127.0.0.1:PORT
POLL_SECONDS = 0.5
_CLIENTS = "tfx.extensions.google_cloud_ai_platform.training_clients"
# Where TFX and we wait for a job, and the name of the seconds between two looks.
_WAITS = {
    "tfx.extensions.google_cloud_ai_platform.runner": "_POLLING_INTERVAL_IN_SECONDS",
    "components.vertex_trainer.launch": "POLL_SECONDS",
}


def redirect() -> None:
    """Lets TFX's training client talk to the endpoint that the environment names, once imported."""
    if os.environ.get(ENDPOINT):
        sys.meta_path.insert(0, _Finder())


class _Finder(importlib.abc.MetaPathFinder):
    """Finds the modules where they are, and changes them right after they ran."""

    def find_spec(
        self, name: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        """The module's own spec with a loader that also calls `_change`."""
        if name != _CLIENTS and name not in _WAITS:
            return None
        spec = importlib.machinery.PathFinder.find_spec(name, path, target)
        if spec is not None and spec.loader is not None:
            spec.loader = _Loader(spec.loader)
        return spec


class _Loader(importlib.abc.Loader):
    def __init__(self, inner: Any) -> None:
        self._inner = inner

    def create_module(self, spec: importlib.machinery.ModuleSpec) -> ModuleType | None:
        return self._inner.create_module(spec)

    def exec_module(self, module: ModuleType) -> None:
        self._inner.exec_module(module)
        _change(module)


def _change(module: Any) -> None:
    if module.__name__ in _WAITS:
        setattr(module, _WAITS[module.__name__], POLL_SECONDS)
    else:
        module.gapic = _Gapic(module.gapic)


class _Gapic:
    """`google.cloud.aiplatform.gapic` whose JobServiceClient knows another endpoint."""

    def __init__(self, original: Any) -> None:
        self._original = original

    def __getattr__(self, name: str) -> Any:
        return getattr(self._original, name)

    def JobServiceClient(self, **_: Any) -> Any:
        from google.auth.credentials import AnonymousCredentials

        return self._original.JobServiceClient(
            transport="rest",
            credentials=AnonymousCredentials(),
            client_options={"api_endpoint": os.environ[ENDPOINT]},
        )
