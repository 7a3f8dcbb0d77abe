"""Define ALBERT."""

from trainer.models.bert import Bert
from trainer.models.blocks import HeadNames, LayerNames

_SHARED = "albert.encoder.albert_layer_groups.0.albert_layers.0"
_LAYER = LayerNames(
    query=f"{_SHARED}.attention.query",
    key=f"{_SHARED}.attention.key",
    value=f"{_SHARED}.attention.value",
    attention_output=f"{_SHARED}.attention.dense",
    attention_norm=f"{_SHARED}.attention.LayerNorm",
    intermediate=f"{_SHARED}.ffn",
    output=f"{_SHARED}.ffn_output",
    output_norm=f"{_SHARED}.full_layer_layer_norm",
)


class Albert(Bert):
    """ALBERT (Lan et al. 2020), named as in `transformers`' AlbertForPreTraining.

    It differs from BERT in two ways: all layers share one set of weights, and the embeddings are
    narrower than the hidden states. The forward pass is `Bert.encode`.

    Example:
        >>> import tensorflow as tf
        >>> from trainer.models.architecture import resolve_architecture
        >>> from trainer.models.parameters import count_parameters, first_values, make_variables
        >>> from trainer.settings.model import ModelSettings
        >>> settings = ModelSettings(type="albert", size="tiny")
        >>> model = Albert(resolve_architecture(settings, vocab_size=100, pad_id=0))
        >>> deeper = ModelSettings(type="albert", size="tiny", num_layers=6)
        >>> deeper = Albert(resolve_architecture(deeper, vocab_size=100, pad_id=0))
        >>> count_parameters(model.parameters()) == count_parameters(deeper.parameters())
        True
        >>> weights = make_variables(first_values(model.parameters(), deviation=0.02, seed=1))
        >>> ids = tf.constant([[2, 17, 4, 3, 21, 3]])
        >>> deeper.encode(weights, ids, tf.ones_like(ids), tf.zeros_like(ids)).shape.as_list()
        [1, 6, 128]
    """

    EMBEDDINGS = "albert.embeddings"
    PROJECTION = "albert.encoder.embedding_hidden_mapping_in"
    POOLER = "albert.pooler"
    PAIR = "sop_classifier.classifier"
    HEAD = HeadNames(
        dense="predictions.dense",
        norm="predictions.LayerNorm",
        bias="predictions.bias",
        words="albert.embeddings.word_embeddings.weight",
    )

    def name_layers(self) -> list[LayerNames]:
        """Name the weights of each layer, which are the same for all."""
        return [_LAYER] * self.architecture.num_layers
