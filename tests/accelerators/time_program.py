"""Time a training step as a program of XLA, on the device that jax finds, without TensorFlow.

Usage: python tests/accelerators/time_program.py FILE.hlo BATCH.npz

For each line `FORM COUNT` on stdin, prints the seconds of COUNT steps, each of which changes the
weights that the one before left, in their own memory.
"""

import json
import re
import sys
import time
from typing import Any

import jax
import numpy as np
from jax._src import compiler
from jax._src.interpreters import mlir
from jax._src.lib import xla_client
from jaxlib.mlir import ir
from xla_module import main_function, read_module

ALIAS = re.compile(r"parameter_number = (\d+).*?output_index = array<i64: (\d+)>")
SIDE, PRODUCTS = 8192, 8  # of the measurement of the device's peak


class Program:
    """A compiled step with its arguments."""

    def __init__(self, file: str, batch_file: str) -> None:
        device = jax.devices()[0]
        with mlir.make_ir_context():
            module = read_module(file)
            signature = ir.FunctionType(main_function(module).attributes["function_type"].value)
            types = [ir.RankedTensorType(each) for each in signature.inputs]
            shapes = [(tuple(t.shape), str(t.element_type)) for t in types]
            # Which result takes the place of which argument, for the next step.
            aliases = ALIAS.findall(str(module.operation.attributes["mhlo.input_output_alias"]))
            self._places = {int(result): int(argument) for argument, result in aliases}
            devices = xla_client.DeviceList((device,))
            options = compiler.get_compile_options(1, 1)
            self._program = device.client.compile_and_load(module, devices, options)
        batch = np.load(batch_file)
        given = [batch[name] for name in sorted(batch.files)]
        rng = np.random.default_rng(1)
        self._arguments = [
            jax.device_put(value, device) for value in make_arguments(given, shapes, rng)
        ]

    def __call__(self) -> float:
        """Run a step and return its seconds."""
        start = time.perf_counter()
        done = self._program.execute_sharded(self._arguments)
        results = [arrays[0] for arrays in done.disassemble_into_single_device_arrays()]
        jax.block_until_ready(results)
        seconds = time.perf_counter() - start
        for result, argument in self._places.items():
            self._arguments[argument] = results[result]
        return seconds


def make_arguments(
    given: list[np.ndarray], shapes: list[tuple[tuple[int, ...], str]], rng: Any
) -> list[np.ndarray]:
    """Return the batch, the number of steps done, and small random weights and moments."""
    arguments = []
    for number, (shape, kind) in enumerate(shapes):
        if number < len(given):
            assert given[number].shape == shape, (number, given[number].shape, shape)
            arguments.append(given[number])
        elif kind == "i64":
            arguments.append(np.zeros(shape, np.int64))
        else:
            arguments.append(np.abs(rng.normal(0, 0.02, shape)).astype(np.float32))
    return arguments


def measure_peak() -> float:
    """Return the seconds of a bfloat16 product of two square matrices of SIDE."""
    x = jax.numpy.ones((SIDE, SIDE), jax.numpy.bfloat16)

    @jax.jit
    def multiply(x: Any) -> Any:
        for _ in range(PRODUCTS):
            x = x @ x * 1e-4
        return x

    multiply(x).block_until_ready()
    start = time.perf_counter()
    multiply(x).block_until_ready()
    return (time.perf_counter() - start) / PRODUCTS


def main(file: str, batch_file: str) -> None:
    """Answer each line on the standard input with seconds."""
    jax.config.update("jax_enable_x64", True)  # the number of steps is int64
    step = Program(file, batch_file)
    for line in sys.stdin:
        form, count = line.split()
        run = measure_peak if form == "peak" else step
        sys.stdout.write(json.dumps([run() for _ in range(int(count))]) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main(*sys.argv[1:])
