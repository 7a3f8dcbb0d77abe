"""TFX's Trainer's executor, which also hands over the instances of the later phases."""

from typing import Any

from tfx import types
from tfx.components.trainer import executor as tfx_trainer
from tfx.components.trainer.fn_args_utils import FnArgs
from tfx.types import artifact_utils
from tfx.utils import io_utils

from trainer.settings.training import MOST_PHASES

Artifacts = dict[str, list[types.Artifact]]
PHASE_EXAMPLES = tuple(f"phase_{number}_examples" for number in range(2, MOST_PHASES + 1))


class Executor(tfx_trainer.GenericExecutor):
    """Calls `run_fn` with a glob of training files for each phase, in order."""

    def _GetFnArgs(
        self, input_dict: Artifacts, output_dict: Artifacts, exec_properties: dict[str, Any]
    ) -> FnArgs:
        fn_args = super()._GetFnArgs(input_dict, output_dict, exec_properties)
        for key in PHASE_EXAMPLES:
            if artifacts := input_dict.get(key):
                train = artifact_utils.get_split_uri(artifacts, "train")
                fn_args.train_files.append(io_utils.all_files_pattern(train))
        return fn_args
