"""A vocabulary's folder to ids: what tokenizing, masking, the model and the export agree on."""

import hashlib
import json
import re
import unicodedata
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from trainer import manifest, storage
from trainer.vocab_file import SPECIALS, VOCAB_FILE, VocabularyError, parse_vocab

if TYPE_CHECKING:
    from tokenizers import Tokenizer

TOKENIZER_FILE = "tokenizer.json"
_UNUSED = re.compile(r"\[unused\d+\]")  # BERT's reserved entries


@dataclass(frozen=True, eq=False)
class Vocabulary:
    """A WordPiece vocabulary that was read and checked."""

    folder: str
    digest: str  # sha256 of tokenizer.json and vocab.txt, hex
    size: int  # V
    pad_id: int
    unk_id: int
    cls_id: int
    sep_id: int
    mask_id: int
    special_ids: tuple[int, ...]  # never masked, never drawn: the specials and [unused…]; ascending
    continuation: npt.NDArray[np.bool_]  # (V,) whether the piece continues a word
    tokens: tuple[str, ...]  # (V,)
    lowercase: bool  # what the normaliser does
    strip_accents: bool

    def tokenizer(self) -> "Tokenizer":
        """The tokenizer of plain text: adds no specials, cuts nothing, pads nothing.

        The name of a special in the text, as a literal "[MASK]", is text like any other.
        """
        from tokenizers import Tokenizer

        return Tokenizer.from_str(json.dumps(_plain(_read_tokenizer(self.folder)[0])))


def load_vocabulary(folder: str) -> Vocabulary:
    """Reads and checks a vocabulary.

    Args:
        folder: holds vocab.txt and tokenizer.json; with a manifest, they are compared with it.

    Raises:
        VocabularyError: a file is missing or damaged, the two files differ, a special is
            missing, an entry is empty, doubled or can never match.
    """
    tokenizer, tokenizer_bytes = _read_tokenizer(folder)
    vocab_bytes = _read(folder, VOCAB_FILE)
    tokens = parse_vocab(vocab_bytes, storage.join(folder, VOCAB_FILE))
    model = _check_model(tokenizer, tokens, storage.join(folder, TOKENIZER_FILE))
    lowercase, strip_accents = normaliser_flags(tokenizer.get("normalizer"))
    digest = files_digest(tokenizer_bytes, vocab_bytes)
    _check_manifest(folder, digest)
    ids = {token: n for n, token in enumerate(tokens)}
    pad_id, unk_id, cls_id, sep_id, mask_id = (ids[name] for name in SPECIALS)
    vocabulary = Vocabulary(
        folder=folder,
        digest=digest,
        size=len(tokens),
        pad_id=pad_id,
        unk_id=unk_id,
        cls_id=cls_id,
        sep_id=sep_id,
        mask_id=mask_id,
        special_ids=_special_ids(tokenizer, tokens),
        continuation=_continuation(tokens, str(model["continuing_subword_prefix"])),
        tokens=tokens,
        lowercase=lowercase,
        strip_accents=strip_accents,
    )
    _check_specials_in_text(vocabulary)
    return vocabulary


def files_digest(tokenizer_bytes: bytes, vocab_bytes: bytes) -> str:
    """The digest that names a vocabulary everywhere, hex."""
    return hashlib.sha256(tokenizer_bytes + vocab_bytes).hexdigest()


def normaliser_flags(normalizer: dict[str, Any] | None) -> tuple[bool, bool]:
    """Whether a tokenizer.json's normaliser lower-cases, and whether it strips accents."""
    lowercase = strip_accents = False
    for step in _steps(normalizer):
        if step["type"] == "BertNormalizer":
            lowercase |= bool(step["lowercase"])
            # null means "as lowercase says", BERT's own habit.
            strip = step.get("strip_accents")
            strip_accents |= bool(step["lowercase"] if strip is None else strip)
        lowercase |= step["type"] == "Lowercase"
        strip_accents |= step["type"] == "StripAccents"
    return lowercase, strip_accents


def _steps(normalizer: dict[str, Any] | None) -> list[dict[str, Any]]:
    if normalizer is None:
        return []
    if normalizer["type"] == "Sequence":
        return [step for part in normalizer["normalizers"] for step in _steps(part)]
    return [normalizer]


def _read_tokenizer(folder: str) -> tuple[dict[str, Any], bytes]:
    content = _read(folder, TOKENIZER_FILE)
    try:
        tokenizer = json.loads(content)
        if isinstance(tokenizer["model"], dict):
            return tokenizer, content
    except (ValueError, KeyError, TypeError):
        pass
    raise VocabularyError(
        f"{storage.join(folder, TOKENIZER_FILE)}: not a tokenizer file of the `tokenizers` "
        f"library. Take the vocabulary from its source again."
    )


def _read(folder: str, name: str) -> bytes:
    path = storage.join(folder, name)
    if not storage.exists(path):
        raise VocabularyError(
            f"{folder}: no {name}. A vocabulary is a folder with {VOCAB_FILE} and "
            f"{TOKENIZER_FILE}; VocabularyGen writes it."
        )
    return storage.read_bytes(path)


def _check_model(tokenizer: dict[str, Any], tokens: tuple[str, ...], path: str) -> dict[str, Any]:
    model: dict[str, Any] = tokenizer["model"]
    if model.get("type", "WordPiece") != "WordPiece":
        raise VocabularyError(
            f"{path}: the model is {model['type']}, and only WordPiece is read. "
            f"Import a vocabulary of a BERT or ELECTRA, or train one."
        )
    if model.get("vocab") != {token: n for n, token in enumerate(tokens)}:
        raise VocabularyError(
            f"{path}: its entries are not those of {VOCAB_FILE} beside it. "
            f"The two files are of different vocabularies: take both from one source."
        )
    if model.get("unk_token") != "[UNK]":
        raise VocabularyError(
            f"{path}: unk_token is {model.get('unk_token')!r}, and BERT's is '[UNK]'. Import a "
            f"vocabulary with BERT's specials, or train one."
        )
    strangers = [
        a["content"] for a in tokenizer.get("added_tokens") or () if a["id"] >= len(tokens)
    ]
    if strangers:
        raise VocabularyError(
            f"{path}: added tokens that are not in {VOCAB_FILE}: {', '.join(strangers[:5])}. Write "
            f"them into the vocabulary's [unused…] lines, or import it without them."
        )
    if any(step["type"] == "NFC" for step in _steps(tokenizer.get("normalizer"))):
        for number, token in enumerate(tokens, 1):
            if not unicodedata.is_normalized("NFC", token):
                raise VocabularyError(
                    f"{path}: entry {number} ({token!r}) is not NFC, so that it can never match "
                    f"normalised text. Train the vocabulary again."
                )
    return model


def _check_manifest(folder: str, digest: str) -> None:
    if not storage.exists(storage.join(folder, manifest.MANIFEST)):
        return
    facts = manifest.read_manifest(folder).facts
    if facts.get("digest", digest) != digest:
        raise VocabularyError(
            f"{folder}: the files are not what was written (digest {digest[:12]}…, the manifest "
            f"says {str(facts['digest'])[:12]}…). Delete the folder and run again."
        )


def _check_specials_in_text(vocabulary: Vocabulary) -> None:
    """A literal "[MASK]" in a text must never become the special's id."""
    tokenizer = vocabulary.tokenizer()
    specials = set(vocabulary.special_ids) - {vocabulary.unk_id}
    for name in SPECIALS:
        if name != "[UNK]" and specials & set(tokenizer.encode(name).ids):
            raise VocabularyError(
                f"{storage.join(vocabulary.folder, TOKENIZER_FILE)}: a literal {name} in a text "
                f"becomes the special's id. Import a tokenizer that splits at punctuation, as "
                f"BERT's does."
            )


def _special_ids(tokenizer: dict[str, Any], tokens: tuple[str, ...]) -> tuple[int, ...]:
    added = {a["id"] for a in tokenizer.get("added_tokens") or () if a["special"]}
    named = {n for n, t in enumerate(tokens) if t in SPECIALS or _UNUSED.fullmatch(t)}
    return tuple(sorted(added | named))


def _continuation(tokens: tuple[str, ...], prefix: str) -> npt.NDArray[np.bool_]:
    continuation = np.array([t.startswith(prefix) and len(t) > len(prefix) for t in tokens], bool)
    continuation.setflags(write=False)  # the dataclass is frozen, and so is its array
    return continuation


def _plain(tokenizer: dict[str, Any]) -> dict[str, Any]:
    """The tokenizer without added tokens, specials around a text, truncation and padding."""
    nothing: dict[str, Any] = {
        "added_tokens": [],
        "post_processor": None,
        "truncation": None,
        "padding": None,
    }
    return {**tokenizer, **nothing}
