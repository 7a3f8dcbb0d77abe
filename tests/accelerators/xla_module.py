"""Read a serialized HLO module as StableHLO; for scripts that run without TensorFlow."""

import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from jax._src.lib import _jax
from jaxlib.mlir import ir
from jaxlib.mlir.dialects import stablehlo

PRODUCTS = ("stablehlo.dot", "stablehlo.dot_general")


def read_module(file: str) -> Any:
    """Return the module of a file; call it in an MLIR context."""
    module = ir.Module.parse(_jax.mlir.hlo_to_stablehlo(Path(file).read_bytes()))
    for op in list(walk(module.operation)):
        if op.name == "mhlo.copy":  # TensorFlow's, which StableHLO does not have
            op.results[0].replace_all_uses_with(op.operands[0])
            op.erase()
    return module


def walk(operation: Any) -> Iterator[Any]:
    """Yield the operations inside an operation."""
    for region in operation.regions:
        for block in region.blocks:
            for inner in block.operations:
                yield from walk(inner.operation)
                yield inner.operation


def main_function(module: Any) -> Any:
    """Return the function that the program starts with."""
    return functions(module)["main"]


def functions(module: Any) -> dict[str, Any]:
    """Return the functions of a module by name."""
    operations = (each.operation for each in module.body.operations)
    return {op.attributes["sym_name"].value: op for op in operations}


def count_products(module: Any, loops: int) -> float:
    """Return the floating-point operations of all matrix products, with loops of `loops` rounds."""
    by_name = functions(module)

    def count(operation: Any) -> float:
        if operation.name in PRODUCTS:
            return product_flops(operation)
        if operation.name == "func.call":
            return count(by_name[operation.attributes["callee"].value])
        regions = [
            sum(count(inner.operation) for block in region.blocks for inner in block.operations)
            for region in operation.regions
        ]
        if operation.name == "stablehlo.while":
            return loops * sum(regions)
        if operation.name == "stablehlo.case":
            return max(regions)  # the longest of the length buckets
        return sum(regions)

    return count(by_name["main"])


def product_flops(operation: Any) -> float:
    """Return the operations of a product of (…, m, k) and (…, k, n): 2mkn for each pair."""
    left = ir.RankedTensorType(operation.operands[0].type).shape
    result = ir.RankedTensorType(operation.results[0].type).shape
    contracted = [len(left) - 1]
    if operation.name == "stablehlo.dot_general":
        numbers = stablehlo.DotDimensionNumbers(operation.attributes["dot_dimension_numbers"])
        contracted = numbers.lhs_contracting_dimensions
    return 2.0 * math.prod(result) * math.prod(left[n] for n in contracted)
