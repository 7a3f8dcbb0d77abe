"""Examples show the original text with its masked tokens."""

from components.corpus_report.examples import read_example

TOKENS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "sing", "##ing", "loud", "\u202eevil"]


def test_masked_tokens_show_their_original() -> None:
    example = read_example(
        {
            "input_ids": [2, 5, 4, 3, 5, 7, 3, 0],
            "input_mask": [1, 1, 1, 1, 1, 1, 1, 0],
            "segment_ids": [0, 0, 0, 0, 1, 1, 1, 0],
            "masked_lm_positions": [2, 4, 5, 0],
            "masked_lm_ids": [6, 7, 7, 0],
            "masked_lm_weights": [1.0, 1.0, 1.0, 0.0],
            "next_sentence_labels": [1],
        },
        TOKENS,
    )
    first, second = example.segments
    assert [(p.text, p.kind) for p in first] == [
        ("[CLS]", "special"), ("sing", "plain"), ("ing", "masked"), ("[SEP]", "special"),
    ]  # fmt: skip
    assert not first[2].space
    assert [(p.text, p.kind, p.shown) for p in second[:2]] == [
        ("loud", "random", "sing"), ("loud", "kept", ""),
    ]  # fmt: skip
    assert (example.real_tokens, example.masked_tokens) == (7, 3)
    assert example.label == "the second segment is random"


def test_unmasked_instances_are_read_too() -> None:
    example = read_example(
        {"input_ids": [2, 5, 3], "segment_ids": [0, 0, 0], "word_starts": [1, 1, 1]}, TOKENS
    )
    assert [p.text for p in example.segments[0]] == ["[CLS]", "sing", "[SEP]"]
    assert example.label == ""


def test_bidi_characters_are_removed() -> None:
    example = read_example({"input_ids": [8]}, TOKENS)
    assert example.segments[0][0].text == "evil"


def test_sentencepiece_marks_the_space_before_a_word() -> None:
    tokens = ["<pad>", "<unk>", "[CLS]", "[SEP]", "[MASK]", "▁sing", "ing", ".", "▁"]
    example = read_example(
        {
            "input_ids": [2, 5, 4, 7, 1, 3],
            "masked_lm_positions": [2],
            "masked_lm_ids": [6],
            "masked_lm_weights": [1.0],
            "sentence_order_labels": [1],
        },
        tokens,
    )
    read = [(p.text, p.kind, p.space) for p in example.segments[0]]
    assert read == [
        ("[CLS]", "special", True),
        ("sing", "plain", True),
        ("ing", "masked", False),
        (".", "plain", False),
        ("<unk>", "special", True),
        ("[SEP]", "special", True),
    ]
    assert example.label == "the segments are swapped"
