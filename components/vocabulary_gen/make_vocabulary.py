"""Documents and settings to a vocabulary artifact that was measured on the text."""

import logging
from collections import Counter

from tokenizers import Tokenizer

from components.settings import VocabularySettings
from components.vocabulary_gen.import_folder import import_tokenizer
from components.vocabulary_gen.measure import check_unknown_rate, measure
from components.vocabulary_gen.read_text import TextSample
from components.vocabulary_gen.train import train_tokenizer
from components.vocabulary_gen.write_vocabulary import FILES, write_vocabulary
from trainer.manifest import Manifest, describe_file, read_manifest, write_manifest
from trainer.vocab_file import SPECIALS
from trainer.vocabulary import Vocabulary, load_vocabulary


def make_vocabulary(
    documents_folder: str, settings: VocabularySettings, folder: str, code_digest: str
) -> Manifest:
    """Writes the vocabulary and, last, the manifest.

    Args:
        documents_folder: the documents artifact's.
        settings: trained how, or imported from where.
        folder: the vocabulary artifact's.
        code_digest: for the manifest.

    Raises:
        VocabularyError: the import cannot be used, or too many words are unknown.
    """
    documents = read_manifest(documents_folder)
    sample = TextSample(documents_folder, documents, settings.sample_bytes)
    tokenizer, counts = _make_tokenizer(sample, settings)
    write_vocabulary(tokenizer, folder)
    vocabulary = load_vocabulary(folder)
    measurement = measure(vocabulary.tokenizer(), sample)
    check_unknown_rate(measurement, settings.max_unknown_rate, _remedy(settings))
    counts.update(
        vocab_size=vocabulary.size,
        measured_words=measurement.words,
        measured_tokens=measurement.tokens,
        unknown_words=measurement.unknown_words,
    )
    manifest = Manifest(
        kind="vocabulary",
        shards={"all": [describe_file(folder, name) for name in FILES]},
        counts={"all": dict(counts)},
        facts={
            "digest": vocabulary.digest,
            "vocab_size": vocabulary.size,
            "special_ids": {name: vocabulary.tokens.index(name) for name in SPECIALS},
            "lowercase": vocabulary.lowercase,
            "strip_accents": vocabulary.strip_accents,
            "code_digest": code_digest,
            "imported_from": settings.import_from,
            "documents_digest": documents.content_digest(),
            "settings": settings.model_dump(mode="json"),
        },
    )
    write_manifest(folder, manifest)
    _tell(settings, vocabulary)
    return manifest


def _make_tokenizer(
    sample: TextSample, settings: VocabularySettings
) -> tuple[Tokenizer, Counter[str]]:
    if settings.import_from is not None:
        return import_tokenizer(settings.import_from), Counter()
    tokenizer, counts = train_tokenizer(
        sample,
        size=settings.size,
        lowercase=settings.lowercase,
        strip_accents=settings.strip_accents,
        min_frequency=settings.min_frequency,
    )
    counts["trained_bytes"] = sample.text_bytes
    counts["missing_entries"] = settings.size - tokenizer.get_vocab_size()
    return tokenizer, counts


def _remedy(settings: VocabularySettings) -> str:
    if settings.import_from is not None:
        return (
            "Import a vocabulary of the text's languages, train one, or raise "
            "vocabulary.max_unknown_rate."
        )
    return (
        "Raise vocabulary.size, lower vocabulary.min_frequency, or raise "
        "vocabulary.max_unknown_rate."
    )


def _tell(settings: VocabularySettings, vocabulary: Vocabulary) -> None:
    if settings.import_from is None and vocabulary.size < settings.size:
        logging.getLogger(__name__).info(
            "%d entries of the %d asked for: no other pair occurs %d times in the text",
            vocabulary.size,
            settings.size,
            settings.min_frequency,
        )
