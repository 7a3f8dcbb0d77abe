"""Send TFX's training client to the job service that `textmill run-spec` plays on this machine.

TFX hard-codes the endpoint (`tfx/extensions/google_cloud_ai_platform/training_clients.py`) and
checks a job every 30 seconds. We replace both when the modules are imported. Google's own client
still builds, sends and reads the requests.
"""

import importlib.abc
import importlib.machinery
import os
import sys
from collections.abc import Sequence
from types import ModuleType
from typing import Any

ENDPOINT = "TEXTMILL_TRAINING_ENDPOINT"  # environment variable: http://127.0.0.1:PORT
POLL_SECONDS = 0.5
CLIENT_MODULE = "tfx.extensions.google_cloud_ai_platform.training_clients"
# Modules that wait for a job, and the constant in each that holds the seconds between two checks.
POLLING_MODULES = {
    "tfx.extensions.google_cloud_ai_platform.runner": "_POLLING_INTERVAL_IN_SECONDS",
    "components.vertex_trainer.launch": "POLL_SECONDS",
}


def redirect() -> None:
    """Patch TFX's training client on import, if the environment names an endpoint."""
    if os.environ.get(ENDPOINT):
        sys.meta_path.insert(0, _PatchingFinder())


class _PatchingFinder(importlib.abc.MetaPathFinder):
    """Find the modules in their usual place, and patch them after they are loaded."""

    def find_spec(
        self, name: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        """Return the module's usual spec with a loader that also patches the module."""
        if name != CLIENT_MODULE and name not in POLLING_MODULES:
            return None
        spec = importlib.machinery.PathFinder.find_spec(name, path, target)
        if spec is not None and spec.loader is not None:
            spec.loader = _PatchingLoader(spec.loader)
        return spec


class _PatchingLoader(importlib.abc.Loader):
    def __init__(self, inner: Any) -> None:
        self._inner = inner

    def create_module(self, spec: importlib.machinery.ModuleSpec) -> ModuleType | None:
        return self._inner.create_module(spec)

    def exec_module(self, module: ModuleType) -> None:
        self._inner.exec_module(module)
        _patch(module)


def _patch(module: Any) -> None:
    if module.__name__ in POLLING_MODULES:
        setattr(module, POLLING_MODULES[module.__name__], POLL_SECONDS)
    else:
        module.gapic = LocalGapic(module.gapic)


class LocalGapic:
    """`google.cloud.aiplatform.gapic` with a JobServiceClient that talks to our endpoint."""

    def __init__(self, original: Any) -> None:
        self._original = original

    def __getattr__(self, name: str) -> Any:
        return getattr(self._original, name)

    def JobServiceClient(self, **_: Any) -> Any:
        """Return a client of the endpoint that the environment names."""
        from google.auth.credentials import AnonymousCredentials

        return self._original.JobServiceClient(
            transport="rest",
            credentials=AnonymousCredentials(),
            client_options={"api_endpoint": os.environ[ENDPOINT]},
        )
