"""What Hugging Face calls the parts of each encoder; variables and files have these names."""

from dataclasses import dataclass


@dataclass(frozen=True)
class LayerNames:
    """The parts of one layer."""

    query: str
    key: str
    value: str
    attention_output: str
    attention_norm: str
    intermediate: str
    output: str
    output_norm: str


@dataclass(frozen=True)
class EncoderNames:
    """The parts of an encoder."""

    embeddings: str
    projection: str  # from the embeddings' width to the layers'; used where they differ
    layers: tuple[LayerNames, ...]


def bert_names(prefix: str, num_layers: int, *, embeddings: str | None = None) -> EncoderNames:
    """BERT's and ELECTRA's names.

    Args:
        prefix: "bert" or "electra".
        num_layers: each has weights of its own.
        embeddings: the prefix of the embeddings, where they are another encoder's.
    """
    return EncoderNames(
        embeddings=f"{embeddings or prefix}.embeddings",
        projection=f"{prefix}.embeddings_project",
        layers=tuple(_bert_layer(f"{prefix}.encoder.layer.{n}") for n in range(num_layers)),
    )


def albert_names(num_layers: int) -> EncoderNames:
    """ALBERT's names: one layer's weights, used by every layer."""
    layer = "albert.encoder.albert_layer_groups.0.albert_layers.0"
    shared = LayerNames(
        query=f"{layer}.attention.query",
        key=f"{layer}.attention.key",
        value=f"{layer}.attention.value",
        attention_output=f"{layer}.attention.dense",
        attention_norm=f"{layer}.attention.LayerNorm",
        intermediate=f"{layer}.ffn",
        output=f"{layer}.ffn_output",
        output_norm=f"{layer}.full_layer_layer_norm",
    )
    return EncoderNames(
        embeddings="albert.embeddings",
        projection="albert.encoder.embedding_hidden_mapping_in",
        layers=(shared,) * num_layers,
    )


def _bert_layer(layer: str) -> LayerNames:
    return LayerNames(
        query=f"{layer}.attention.self.query",
        key=f"{layer}.attention.self.key",
        value=f"{layer}.attention.self.value",
        attention_output=f"{layer}.attention.output.dense",
        attention_norm=f"{layer}.attention.output.LayerNorm",
        intermediate=f"{layer}.intermediate.dense",
        output=f"{layer}.output.dense",
        output_norm=f"{layer}.output.LayerNorm",
    )
