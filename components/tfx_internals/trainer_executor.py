"""Give `run_fn` the instances of several phases.

TFX's Trainer passes the training files of one input to `run_fn`. Its executor builds the arguments
in the private method `_GetFnArgs`, the only place where more files can be added.
"""

from typing import Any

from tfx.components.trainer import executor
from tfx.components.trainer.fn_args_utils import FnArgs
from tfx.types import artifact_utils
from tfx.utils import io_utils

from components.artifacts import Artifacts


class MultiInputTrainerExecutor(executor.GenericExecutor):
    """Append a glob of training files for each input named in `MORE_EXAMPLES`."""

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
