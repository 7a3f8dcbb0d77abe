"""Compile an HLO module for a TPU that is not there; print what the compiler says, as JSON.

Usage: TPU_SKIP_MDS_QUERY=1 .venv-xla/bin/python tests/accelerators/compile_for_tpu.py FILE LOOPS

It runs in an environment of jax and libtpu, without TensorFlow. LOOPS is how often the body of a
loop runs. libtpu would ask the machine's metadata service for minutes without that variable.
"""

import json
import sys
import time

from jax._src import compiler
from jax._src.interpreters import mlir
from jax._src.lib import xla_client
from jax.experimental import topologies
from xla_module import count_products, read_module

TOPOLOGY = "v5e:2x2"
SIZES = ("peak_memory_in_bytes", "argument_size_in_bytes", "temp_size_in_bytes")


def main(file: str, loops: int) -> None:
    """Compile a file for one chip and print sizes, operations and seconds."""
    chip = topologies.get_topology_desc(platform="tpu", topology_name=TOPOLOGY).devices[0]
    started = time.perf_counter()
    with mlir.make_ir_context():
        module = read_module(file)
        products = count_products(module, loops)
        devices = xla_client.DeviceList((chip,))
        options = compiler.get_compile_options(1, 1)
        executable = chip.client.compile(module, devices, options)
    memory = executable.get_compiled_memory_stats()
    costs = executable.cost_analysis()
    figures = {
        "product_flops": products,
        "flops": costs["flops"],
        "seconds": time.perf_counter() - started,
        **{name: getattr(memory, name) for name in SIZES},
    }
    sys.stdout.write(json.dumps(figures) + "\n")


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
