"""Write the files of a vocabulary, which `transformers` can load."""

import json
from collections import Counter
from dataclasses import dataclass, field

from tokenizers import Tokenizer

from core import storage
from core.vocabulary.tokenizer_file import CONFIG_FILE, TOKENIZER_FILE, Kind, normalizer_flags
from core.vocabulary.unigram import PIECE_SPECIALS, SPIECE_FILE
from core.vocabulary.wordpiece import SPECIALS, VOCAB_FILE


@dataclass(frozen=True)
class NewVocabulary:
    """A vocabulary that was trained or imported and is not written yet."""

    kind: Kind
    tokenizer: Tokenizer
    spiece_model: bytes = b""  # the content of spiece.model; empty for WordPiece
    counts: Counter[str] = field(default_factory=Counter)


def write_vocabulary(vocabulary: NewVocabulary, folder: str) -> None:
    """Write vocab.txt or spiece.model, tokenizer.json and tokenizer_config.json.

    Equal vocabularies give equal bytes.
    """
    parsed = json.loads(vocabulary.tokenizer.to_str())
    is_wordpiece = vocabulary.kind == "wordpiece"
    specials = SPECIALS if is_wordpiece else PIECE_SPECIALS
    config = tokenizer_config(specials, *normalizer_flags(parsed["normalizer"]))
    vocab = vocabulary.tokenizer.get_vocab(with_added_tokens=False)
    lines = "".join(f"{token}\n" for token in sorted(vocab, key=vocab.__getitem__))
    files = {
        VOCAB_FILE if is_wordpiece else SPIECE_FILE: vocabulary.spiece_model or lines.encode(),
        TOKENIZER_FILE: _dump(parsed),
        CONFIG_FILE: _dump(config),
    }
    for name, content in files.items():
        storage.write_bytes(storage.join(folder, name), content)


def tokenizer_config(
    specials: tuple[str, ...], lowercase: bool, strip_accents: bool
) -> dict[str, object]:
    """Return what `transformers` needs besides tokenizer.json.

    The tokenizer class is the generic one, which uses tokenizer.json unchanged; BertTokenizer and
    AlbertTokenizer would replace our normalizer by their own.
    """
    names = ("pad_token", "unk_token", "cls_token", "sep_token", "mask_token")
    return {
        "tokenizer_class": "PreTrainedTokenizerFast",
        **dict(zip(names, specials, strict=True)),
        "clean_up_tokenization_spaces": False,
        "do_lower_case": lowercase,
        "strip_accents": strip_accents,
        "model_input_names": ["input_ids", "token_type_ids", "attention_mask"],
    }


def _dump(content: dict[str, object]) -> bytes:
    return (json.dumps(content, ensure_ascii=False, indent=1) + "\n").encode()
