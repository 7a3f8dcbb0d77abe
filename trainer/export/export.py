"""Export a trained model: a SavedModel, a folder for `transformers`, and the manifest last."""

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path

import numpy as np
from pydantic import JsonValue

from core import storage
from core.failpoints import failpoint
from core.manifest import MANIFEST, Manifest, describe_file, write_manifest
from trainer.export.serving import save_serving_model
from trainer.huggingface.write import write_transformers_folders
from trainer.input.instances import Instances
from trainer.models.embedding_sharing import fold
from trainer.models.families import Model, build_model


def export_model(
    folder: str,
    model: Model,
    values: dict[str, np.ndarray],
    instances: Instances,
    facts: Mapping[str, JsonValue],
) -> None:
    """Write the folder of a model. On an object store, it is uploaded when it is whole.

    Args:
        folder: gets the SavedModel at its root, and `transformers/` beside it.
        model: the model.
        values: its weights, by Hugging Face's names.
        instances: the instances that it was trained on; their vocabulary is copied.
        facts: of the training run, for the manifest.
    """
    vocabulary = instances.vocabulary
    architecture, values = fold(model.architecture, values)
    with storage.open_output_folder(folder, last=MANIFEST) as local:
        save_serving_model(
            local, build_model(architecture), values, vocabulary, pair=instances.pair
        )
        failpoint("export-files")
        write_transformers_folders(local, architecture, values, vocabulary)
        manifest = Manifest(
            kind="model",
            shards={"all": [describe_file(local, path) for path in _files(local)]},
            counts={"all": {"parameters": sum(value.size for value in values.values())}},
            facts={
                "architecture": asdict(architecture),
                "seq_length": instances.seq_length,
                "objective": instances.objective,
                "vocabulary_digest": vocabulary.digest,
                "instances_digest": instances.manifest.content_digest(),
                **facts,
            },
        )
        write_manifest(local, manifest)


def _files(folder: str) -> list[str]:
    """Return the paths of all files in a folder, relative to it and sorted."""
    files = (path for path in Path(folder).rglob("*") if path.is_file())
    paths = (path.relative_to(folder).as_posix() for path in files)
    return sorted(path for path in paths if path != MANIFEST)
