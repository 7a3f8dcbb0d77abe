"""Open what our executors need of TFX's: private and protected methods, and one type.

Importing any component of TFX imports all of its executors, so one module costs no more than five.
"""

from typing import Any

from tfx import types
from tfx.components.evaluator import executor as evaluator
from tfx.components.example_validator import executor as example_validator
from tfx.components.pusher import executor as pusher
from tfx.components.trainer import executor as trainer
from tfx.components.trainer.fn_args_utils import FnArgs
from tfx.types import artifact_utils
from tfx.utils import io_utils

from components.artifacts import Artifacts


class MultiInputTrainerExecutor(trainer.GenericExecutor):
    """Append a glob of training files for each input named in `MORE_EXAMPLES`.

    TFX's Trainer passes the training files of one input to `run_fn`. The private method
    `_GetFnArgs` builds the arguments, and is the only place where more files can be added.
    """

    MORE_EXAMPLES: tuple[str, ...] = ()

    def _GetFnArgs(
        self, input_dict: Artifacts, output_dict: Artifacts, exec_properties: dict[str, Any]
    ) -> FnArgs:
        fn_args = super()._GetFnArgs(input_dict, output_dict, exec_properties)
        for key in self.MORE_EXAMPLES:
            if artifacts := input_dict.get(key):
                train = artifact_utils.get_split_uri(artifacts, "train")
                fn_args.train_files.append(io_utils.all_files_pattern(train))
        return fn_args


class EvaluatorExecutor(evaluator.Executor):
    """A base for evaluators of our own, so that Vertex AI records which model a blessing is for.

    Vertex AI's launcher turns the model id of a blessing into a resource name only if the executor
    derives from TFX's own (`tfx/orchestration/kubeflow/v2/container`). Without that, Vertex AI
    never finds the latest blessed model. TFX documents no other way.
    """


class RecordingValidatorExecutor(example_validator.Executor):
    """TFX's validator, which also keeps the Anomalies message of each split.

    TFX's writes them to files and drops them. The private method `_Validate` returns them, one call
    per split.
    """

    def __init__(self, context: Any = None) -> None:
        super().__init__(context)
        self.anomalies: dict[str, Any] = {}  # by the name of the split

    def _Validate(self, inputs: dict[str, Any], outputs: dict[str, Any]) -> Any:
        anomalies = super()._Validate(inputs, outputs)
        (folder,) = outputs.values()
        self.anomalies[folder.rstrip("/").rpartition("Split-")[2]] = anomalies
        return anomalies


class PusherExecutor(pusher.Executor):
    """TFX's Pusher with public names for the methods that check a blessing and record a push.

    Its `Do` copies the model straight into the version's folder, so a kill leaves half a version,
    and copies it a second time into its own artifact. We replace `Do` and keep the rest.
    """

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
