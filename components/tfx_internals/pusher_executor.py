"""Reuse the parts of TFX's Pusher that check a blessing and record a push.

Its `Do` copies the model straight into the version's folder, so a kill leaves half a version, and
copies it a second time into its own artifact. We replace `Do` and keep the rest, which are
protected methods.
"""

from tfx import types
from tfx.components.pusher import executor

from components.artifacts import Artifacts


class PusherExecutor(executor.Executor):
    """TFX's Pusher with public names for the methods that we use."""

    def is_blessed(self, input_dict: Artifacts) -> bool:
        """Return whether the blessing allows publishing, or there is no blessing."""
        return bool(self.CheckBlessing(input_dict))

    def model_path(self, input_dict: Artifacts) -> str:
        """Return the folder of the exported model."""
        return str(self.GetModelPath(input_dict))

    def mark_pushed(self, pushed: types.Artifact, folder: str, version: str) -> None:
        """Set TFX's properties of a pushed model."""
        self._MarkPushed(pushed, pushed_destination=folder, pushed_version=version)

    def mark_not_pushed(self, pushed: types.Artifact) -> None:
        """Set TFX's properties of a model that was not pushed."""
        self._MarkNotPushed(pushed)
