"""Train and export a model, without TFX: `python -m trainer JOB`.

JOB is a JSON object (`TrainingJob`) or the path of a file that holds one. Exit codes: 0, trained
and exported; 2, the job, the instances or the devices have to be fixed; 1, another failure;
143 or 130, stopped by a signal after a checkpoint was written.
"""

import logging
import sys

from core.exit import INPUT_ERROR, exit_with_sentence
from core.loading import loading_libraries
from trainer.devices.libtpu import check_libtpu
from trainer.job import read_job

USAGE = f"Usage: python -m trainer JOB\n\n{__doc__.partition(chr(10) * 2)[2]}"


def main(arguments: list[str]) -> None:
    """Run the training job that the only argument describes."""
    if arguments in (["-h"], ["--help"]):
        return print(USAGE)
    if len(arguments) != 1:
        print(USAGE, file=sys.stderr)
        sys.exit(INPUT_ERROR)
    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(name)s: %(message)s")
    with exit_with_sentence():
        job = read_job(arguments[0])
        check_libtpu()  # TensorFlow for TPUs loads libtpu while it is imported
        with loading_libraries():
            from trainer.run_fn import run_job

        logging.getLogger("absl").setLevel(logging.WARNING)  # lines of names while exporting
        run_job(job)
        logging.getLogger("trainer").info("Trained and exported to %s.", job.model)


if __name__ == "__main__":
    main(sys.argv[1:])
