"""Keep the anomalies that TFX's ExampleValidator finds.

Its executor writes them to files and drops them. The private method `_Validate` returns them, one
call per split.
"""

from typing import Any

from tfx.components.example_validator import executor


class RecordingValidatorExecutor(executor.Executor):
    """TFX's validator, which also keeps the Anomalies message of each split."""

    def __init__(self, context: Any = None) -> None:
        super().__init__(context)
        self.anomalies: dict[str, Any] = {}  # by the name of the split

    def _Validate(self, inputs: dict[str, Any], outputs: dict[str, Any]) -> Any:
        anomalies = super()._Validate(inputs, outputs)
        (folder,) = outputs.values()
        self.anomalies[folder.rstrip("/").rpartition("Split-")[2]] = anomalies
        return anomalies
