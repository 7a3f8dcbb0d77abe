"""Build the exact schema of instances, which TFDV compares every record with."""

from google.protobuf import text_format
from tensorflow_metadata.proto.v0 import schema_pb2

Bounds = tuple[int, int]
BINARY: Bounds = (0, 1)


def static_schema(
    seq_length: int,
    max_predictions: int,
    vocab_size: int,
    label: str,
    *,
    classes: int = 2,
    segment_types: int = 2,
) -> schema_pb2.Schema:
    """Build the schema of BERT's seven features: fixed shapes, and the range of every number."""
    schema = schema_pb2.Schema()
    token = (0, vocab_size - 1)
    _add_integer(schema, "input_ids", token, seq_length)
    _add_integer(schema, "input_mask", BINARY, seq_length)
    _add_integer(schema, "segment_ids", (0, segment_types - 1), seq_length)
    _add_integer(schema, "masked_lm_positions", (0, seq_length - 1), max_predictions)
    _add_integer(schema, "masked_lm_ids", token, max_predictions)
    weights = _add_feature(schema, "masked_lm_weights", schema_pb2.FLOAT)
    weights.float_domain.min, weights.float_domain.max = 0.0, 1.0
    weights.float_domain.disallow_nan = weights.float_domain.disallow_inf = True
    weights.shape.dim.add(size=max_predictions)
    _add_integer(schema, label, (0, classes - 1), 1)
    return schema


def dynamic_schema(
    seq_length: int, vocab_size: int, label: str | None, *, classes: int = 2, segment_types: int = 2
) -> schema_pb2.Schema:
    """Build the schema of unmasked, unpadded instances of 3 to L tokens."""
    schema = schema_pb2.Schema()
    bounds = {
        "input_ids": (0, vocab_size - 1),
        "segment_ids": (0, segment_types - 1),
        "word_starts": BINARY,
    }
    for name, domain in bounds.items():
        feature = _add_integer(schema, name, domain, None)
        feature.value_count.min, feature.value_count.max = 3, seq_length
    if label is not None:
        _add_integer(schema, label, (0, classes - 1), 1)
    return schema


def schema_text(schema: schema_pb2.Schema) -> bytes:
    """Return the content of `schema.pbtxt`."""
    text: str = text_format.MessageToString(schema)
    return text.encode()


def _add_integer(
    schema: schema_pb2.Schema, name: str, bounds: Bounds, size: int | None
) -> schema_pb2.Feature:
    feature = _add_feature(schema, name, schema_pb2.INT)
    feature.int_domain.min, feature.int_domain.max = bounds
    if size is not None:
        feature.shape.dim.add(size=size)
    return feature


def _add_feature(schema: schema_pb2.Schema, name: str, kind: int) -> schema_pb2.Feature:
    feature = schema.feature.add(name=name, type=kind)
    feature.presence.min_fraction = 1.0
    feature.presence.min_count = 1
    return feature
