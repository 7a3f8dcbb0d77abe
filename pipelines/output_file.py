"""Write a file that the user named with --output."""

from pathlib import Path

from core import storage
from core.errors import InputError


def check_output(output: Path) -> None:
    """Check the value of `--output` before any work.

    Raises:
        InputError: its folder does not exist, or it is a folder itself.
    """
    if not output.parent.is_dir():
        raise InputError(
            f"--output {output}: there is no folder {output.parent}. Create it, or give another "
            f"name."
        )
    if output.is_dir():
        raise InputError(f"--output {output}: this is a folder. Give the name of a file in it.")


def write_output(output: Path, content: str) -> None:
    """Write a file as UTF-8.

    Raises:
        InputError: it cannot be written there.
        StorageError: the disk is full.
    """
    check_output(output)
    try:
        storage.write_bytes(str(output), content.encode())
    except PermissionError as error:
        raise InputError(
            f"--output {output}: cannot be written ({error.strerror}). Change the permissions of "
            f"its folder, or give another name."
        ) from error
