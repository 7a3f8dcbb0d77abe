"""A vocabulary's folder to ids: what tokenizing, masking, the model and the export agree on."""

import hashlib
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np
import numpy.typing as npt

from core import manifest, storage
from core.vocabulary.tokenizer_file import (
    TOKENIZER_FILE,
    normaliser_flags,
    plain_tokenizer,
    read_tokenizer,
)
from core.vocabulary.unigram import unigram_entries
from core.vocabulary.vocab_file import SPECIALS, VocabularyError
from core.vocabulary.wordpiece import wordpiece_entries

if TYPE_CHECKING:
    from tokenizers import Tokenizer

__all__ = [
    "CONFIG_FILE",
    "SPECIALS",
    "TOKENIZER_FILE",
    "Kind",
    "Vocabulary",
    "files_digest",
    "load_vocabulary",
    "model_kind",
    "normaliser_flags",
]

CONFIG_FILE = "tokenizer_config.json"
Kind = Literal["wordpiece", "sentencepiece"]


@dataclass(frozen=True, eq=False)
class Vocabulary:
    """A vocabulary that was read and checked."""

    folder: str
    digest: str  # sha256 of tokenizer.json and the model file, hex
    kind: Kind
    model_file: str  # vocab.txt or spiece.model
    size: int  # V
    pad_id: int
    unk_id: int
    cls_id: int
    sep_id: int
    mask_id: int
    special_ids: tuple[int, ...]  # never masked, never drawn: the specials and [unused…]; ascending
    continuation: npt.NDArray[np.bool_]  # (V,) whether the piece continues a word …
    ends_word: npt.NDArray[np.bool_]  # (V,) … unless the piece before is one of these
    tokens: tuple[str, ...]  # (V,)
    lowercase: bool  # what the normaliser does
    strip_accents: bool

    @property
    def named_ids(self) -> dict[str, int]:
        """The five specials' names, and their ids."""
        ids = (self.pad_id, self.unk_id, self.cls_id, self.sep_id, self.mask_id)
        return {self.tokens[n]: n for n in ids}

    @property
    def files(self) -> tuple[str, ...]:
        """What makes up the vocabulary, and goes with a model that was trained on it."""
        return (self.model_file, TOKENIZER_FILE, CONFIG_FILE)

    def tokenizer(self) -> "Tokenizer":
        """The tokenizer of plain text: adds no specials, cuts nothing, pads nothing.

        The name of a special in the text, as a literal "[MASK]", is text like any other.
        """
        from tokenizers import Tokenizer

        return Tokenizer.from_str(json.dumps(plain_tokenizer(read_tokenizer(self.folder)[0])))


def load_vocabulary(folder: str) -> Vocabulary:
    """Reads and checks a vocabulary.

    Args:
        folder: holds tokenizer.json, and vocab.txt (WordPiece) or spiece.model (SentencePiece);
            with a manifest, they are compared with it.

    Raises:
        VocabularyError: a file is missing or damaged, the two files differ, a special is
            missing, an entry is empty, doubled or can never match.
    """
    tokenizer, tokenizer_bytes = read_tokenizer(folder)
    kind = model_kind(tokenizer["model"].get("type", "WordPiece"), folder)
    read = wordpiece_entries if kind == "wordpiece" else unigram_entries
    entries = read(folder, tokenizer)
    lowercase, strip_accents = normaliser_flags(tokenizer.get("normalizer"))
    digest = files_digest(tokenizer_bytes, entries.model_bytes)
    _check_manifest(folder, digest)
    pad_id, unk_id, cls_id, sep_id, mask_id = entries.named_ids
    for array in (entries.continuation, entries.ends_word):
        array.setflags(write=False)  # the dataclass is frozen, and so are its arrays
    vocabulary = Vocabulary(
        folder=folder,
        digest=digest,
        kind=kind,
        model_file=entries.model_file,
        size=len(entries.tokens),
        pad_id=pad_id,
        unk_id=unk_id,
        cls_id=cls_id,
        sep_id=sep_id,
        mask_id=mask_id,
        special_ids=entries.special_ids,
        continuation=entries.continuation,
        ends_word=entries.ends_word,
        tokens=entries.tokens,
        lowercase=lowercase,
        strip_accents=strip_accents,
    )
    _check_specials_in_text(vocabulary)
    return vocabulary


def model_kind(model_type: str, folder: str) -> Kind:
    """A tokenizer.json's type of model to our name for it.

    Raises:
        VocabularyError: it is of another kind.
    """
    if model_type == "WordPiece":
        return "wordpiece"
    if model_type == "Unigram":
        return "sentencepiece"
    raise VocabularyError(
        f"{storage.join(folder, TOKENIZER_FILE)}: the model is {model_type}, and only WordPiece "
        f"and Unigram are read. Import a vocabulary of a BERT, ELECTRA or ALBERT, or train one."
    )


def files_digest(tokenizer_bytes: bytes, model_bytes: bytes) -> str:
    """The digest that names a vocabulary everywhere, hex."""
    return hashlib.sha256(tokenizer_bytes + model_bytes).hexdigest()


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
    for name, number in vocabulary.named_ids.items():
        if number != vocabulary.unk_id and specials & set(tokenizer.encode(name).ids):
            raise VocabularyError(
                f"{storage.join(vocabulary.folder, TOKENIZER_FILE)}: a literal {name} in a text "
                f"becomes the special's id. Import a tokenizer that splits at punctuation, as "
                f"BERT's does."
            )
