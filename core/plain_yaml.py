"""Read and write plain YAML with numbers as engineers write them: 6e-4, 1e6, 1_000_000.

PyYAML follows YAML 1.1, which needs a dot and a sign in a float and so reads 6e-4 as text.
"""

import re
from typing import Any

import yaml

_EXPONENT = re.compile(r"[-+]?(?:\d[\d_]*\.?[\d_]*|\.\d[\d_]*)[eE][-+]?\d+")
_FLOAT = "tag:yaml.org,2002:float"


class PlainLoader(yaml.SafeLoader):
    """Load plain values; a float whose exponent makes it whole, such as 1e6, is an integer."""

    def construct_number(self, node: yaml.ScalarNode) -> int | float:
        """Return the number that a scalar stands for."""
        value = self.construct_yaml_float(node)
        return int(value) if _EXPONENT.fullmatch(node.value) and value.is_integer() else value


class PlainDumper(yaml.SafeDumper):
    """Dump plain values, with quotes around text that `PlainLoader` would read as a number."""


PlainLoader.add_constructor(_FLOAT, PlainLoader.construct_number)
for _class in (PlainLoader, PlainDumper):
    _class.add_implicit_resolver(_FLOAT, re.compile(f"^(?:{_EXPONENT.pattern})$"), "-+.0123456789")


def load_plain(text: str) -> Any:
    """Return the value of a YAML text."""
    return yaml.load(text, Loader=PlainLoader)  # noqa: S506 - a safe loader


def dump_plain(value: Any) -> str:
    """Return the YAML of a value, with mappings in their own order."""
    return yaml.dump(value, Dumper=PlainDumper, sort_keys=False, allow_unicode=True)


def whole_number(text: str) -> int:
    """Return a whole number that may be written with an exponent.

    Raises:
        ValueError: the text is not a whole number.
    """
    value = load_plain(text) if _EXPONENT.fullmatch(text) else int(text)
    if not isinstance(value, int):
        raise ValueError(f"{text} is not a whole number")
    return value
