"""The two files of a SentencePiece vocabulary on real text: do they give the same ids?"""

from collections.abc import Iterable, Sequence
from itertools import islice

from tokenizers import Tokenizer

from core.vocabulary.tokenizer_file import VocabularyError

COMPARED_DOCUMENTS = 2000
MAX_DIFFERING_SHARE = 0.001  # of sentences; `tokenizers` reads some characters' tables otherwise


def count_differing(
    tokenizer: Tokenizer, spiece_model: bytes, documents: Iterable[Sequence[str]]
) -> int:
    """Sentences of the first documents to which tokenizer.json and spiece.model give other ids.

    The normaliser of tokenizer.json goes before both, as it does in the exported model.

    Raises:
        VocabularyError: they are more than one in a thousand.
    """
    from sentencepiece import SentencePieceProcessor

    model = SentencePieceProcessor(model_proto=spiece_model)
    total, differing = 0, []
    for sentences in islice(documents, COMPARED_DOCUMENTS):
        ours = tokenizer.encode_batch(list(sentences), add_special_tokens=False)
        texts = [_normalise(tokenizer, sentence) for sentence in sentences]
        theirs = model.encode(texts)
        total += len(texts)
        pairs = zip(sentences, ours, theirs, strict=True)
        differing += [sentence for sentence, a, b in pairs if a.ids != b]
    if len(differing) > MAX_DIFFERING_SHARE * total:
        raise VocabularyError(
            f"tokenizer.json and spiece.model give other ids to {len(differing):,} of {total:,} "
            f"sentences, the first {differing[0][:80]!r}. They are of different vocabularies: "
            f"import a folder with one of the two."
        )
    return len(differing)


def _normalise(tokenizer: Tokenizer, sentence: str) -> str:
    return tokenizer.normalizer.normalize_str(sentence) if tokenizer.normalizer else sentence
