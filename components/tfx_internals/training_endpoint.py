"""Send TFX's training client to the job service that `textmill run-spec` plays on this machine.

TFX hard-codes the endpoint (`tfx/extensions/google_cloud_ai_platform/training_clients.py`) and
checks a job every 30 seconds. We replace both when the modules are imported. Google's own client
still builds, sends and reads the requests.
"""

import os
from typing import Any

import wrapt

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
        for name in (CLIENT_MODULE, *POLLING_MODULES):
            wrapt.register_post_import_hook(_patch, name)


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
