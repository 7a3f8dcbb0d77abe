"""`make lint` rejects sources that load code from data or write files in other ways."""

import pytest

from tests.check_sources import loads_code, writes_files


@pytest.mark.parametrize(
    "source",
    [
        "import pickle", "from zipfile import ZipFile", "import cloudpickle as c", "eval(x)",
        "from os import system\nsystem('ls')", "subprocess.run(x, shell=True)",
        "yaml.load(x)", "yaml.load(x, Loader=yaml.FullLoader)", "torch.load(path)",
        "import pyarrow.parquet as pq\npq.ParquetFile(path)",
        "np.load(path, allow_pickle=True)", "keras.models.load_model(path)",
    ],
)  # fmt: skip
def test_code_from_data_is_found(source: str) -> None:
    assert list(loads_code(source))


@pytest.mark.parametrize(
    "source",
    [
        "open(path, 'w')", "path.open(mode='ab')", "gzip.open(path, 'wb')", "io.open(p, 'r+')",
        "path.write_text(x)", "path.touch()", "path.rename(other)", "path.replace(other)",
        "import shutil\nshutil.copy(a, b)", "import shutil as s\ns.copytree(a, b)",
        "from shutil import copyfile\ncopyfile(a, b)", "from shutil import move as m\nm(a, b)",
        "import numpy as np\nnp.save(path, x)", "import numpy\nnumpy.savez(path, x=x)",
        "import os\nos.open(path, os.O_WRONLY)", "from os import open, O_CREAT\nopen(p, O_CREAT)",
        "import os\nos.open(path, flags)", "keras.models.save_model(model, path)",
        "import os\nos.replace(a, b)", "os.fdopen(fd, 'wb')", "x.tofile(path)",
        "import tensorflow as tf\ntf.io.write_file(path, x)",
        "import tensorflow as tf\ntf.io.TFRecordWriter(path)",
        "import tensorflow as tf\ntf.io.gfile.GFile(path, 'w')",
        "import tensorflow as tf\ntf.saved_model.save(m, path)",
        "import tensorflow as tf\ntf.train.Checkpoint(m=m)", "model.save_weights(path)",
        "model.save(path)", "model.export(path)", "dataset.save(path)", "self.model.save(path)",
        "import tensorflow as tf\ntf.summary.create_file_writer(path)",
        "safetensors.numpy.save_file(x, path)", "import sqlite3\nsqlite3.connect(path)",
    ],
)  # fmt: skip
def test_a_writer_is_found(source: str) -> None:
    assert list(writes_files(source))


@pytest.mark.parametrize(
    "source",
    [
        "open(path)", "open(path, 'rb')", "from core import storage\nstorage.write_bytes(p, b)",
        "text.replace('a', 'b')", "moment.replace(hour=0)", "yaml.load(x, Loader=Strict)",
        "import os\nos.open(path, os.O_RDONLY)", "np.load(path, allow_pickle=False)",
        "import numpy as np\nb = io.BytesIO()\nnp.save(b, x)", "safetensors.numpy.save(x)",
        "rename(graph)", "export(graph)", "checkpoints.save(history)", "subprocess.run(['ls'])",
    ],
)  # fmt: skip
def test_what_neither_loads_code_nor_writes_is_allowed(source: str) -> None:
    assert [*loads_code(source), *writes_files(source)] == []
