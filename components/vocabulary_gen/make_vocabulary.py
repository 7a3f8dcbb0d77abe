"""Documents and settings to a vocabulary artifact that was measured on the text."""

import logging

from components.settings import VocabularySettings
from components.vocabulary_gen.build_tokenizer import make_normalizer
from components.vocabulary_gen.checking.compare_tokenizers import count_differing
from components.vocabulary_gen.checking.unknown_rate import check_unknown_rate, measure
from components.vocabulary_gen.importing.import_folder import import_vocabulary
from components.vocabulary_gen.made import Made
from components.vocabulary_gen.text_sample import TextSample
from components.vocabulary_gen.training.train_unigram import train_unigram
from components.vocabulary_gen.training.train_wordpiece import train_tokenizer
from components.vocabulary_gen.write_vocabulary import write_vocabulary
from core.manifest import Manifest, describe_file, read_manifest, write_manifest
from core.settings import LATEST_BLESSED
from core.vocabulary.vocabulary import Vocabulary, load_vocabulary


def make_vocabulary(
    documents_folder: str,
    settings: VocabularySettings,
    folder: str,
    code_digest: str,
    latest_blessed: str | None = None,
) -> Manifest:
    """Writes the vocabulary and, last, the manifest.

    Args:
        documents_folder: the documents artifact's.
        settings: trained how, or imported from where.
        folder: the vocabulary artifact's.
        code_digest: for the manifest.
        latest_blessed: the folder that `import_from: latest_blessed` stands for; None if no model
            was blessed so far, and a vocabulary is trained.

    Raises:
        VocabularyError: the import cannot be used, or too many words are unknown.
    """
    documents = read_manifest(documents_folder)
    sample = TextSample(documents_folder, documents, settings.sample_bytes)
    source = settings.import_from
    if source == LATEST_BLESSED:
        source = latest_blessed
    made = _make(sample, settings, source)
    write_vocabulary(made, folder)
    vocabulary = load_vocabulary(folder)
    tokenizer, counts = vocabulary.tokenizer(), made.counts
    measurement = measure(tokenizer, vocabulary.unk_id, sample)
    check_unknown_rate(measurement, settings.max_unknown_rate, _remedy(source))
    if made.kind == "sentencepiece":
        counts["differing_sentences"] = count_differing(tokenizer, made.spiece_model, sample)
    counts.update(
        vocab_size=vocabulary.size,
        measured_words=measurement.words,
        measured_tokens=measurement.tokens,
        unknown_words=measurement.unknown_words,
    )
    manifest = Manifest(
        kind="vocabulary",
        shards={"all": [describe_file(folder, name) for name in vocabulary.files]},
        counts={"all": dict(counts)},
        facts={
            "digest": vocabulary.digest,
            "vocab_size": vocabulary.size,
            "kind": vocabulary.kind,
            "special_ids": dict(vocabulary.named_ids),
            "lowercase": vocabulary.lowercase,
            "strip_accents": vocabulary.strip_accents,
            "code_digest": code_digest,
            "imported_from": settings.import_from,
            "documents_digest": documents.content_digest(),
            "settings": settings.model_dump(mode="json"),
        },
    )
    write_manifest(folder, manifest)
    if source is None:
        _tell(settings, vocabulary)
    return manifest


def _make(sample: TextSample, settings: VocabularySettings, source: str | None) -> Made:
    if source is not None:
        return import_vocabulary(source, settings.kind)
    made = (_train_wordpiece if settings.kind == "wordpiece" else _train_unigram)(sample, settings)
    made.counts["trained_bytes"] = sample.text_bytes
    made.counts["missing_entries"] = settings.size - made.tokenizer.get_vocab_size()
    return made


def _train_wordpiece(sample: TextSample, settings: VocabularySettings) -> Made:
    tokenizer, counts = train_tokenizer(
        sample,
        size=settings.size,
        lowercase=settings.lowercase,
        strip_accents=settings.strip_accents,
        min_frequency=settings.min_frequency,
        split_cjk=settings.splits_cjk,
    )
    return Made("wordpiece", tokenizer, counts=counts)


def _train_unigram(sample: TextSample, settings: VocabularySettings) -> Made:
    normalizer = make_normalizer(
        lowercase=settings.lowercase,
        strip_accents=settings.strip_accents,
        split_cjk=settings.splits_cjk,
    )
    tokenizer, model, counts = train_unigram(sample, size=settings.size, normalizer=normalizer)
    return Made("sentencepiece", tokenizer, model, counts)


def _remedy(source: str | None) -> str:
    if source is not None:
        return (
            "Import a vocabulary of the text's languages, train one, or raise "
            "vocabulary.max_unknown_rate."
        )
    return "Raise vocabulary.size, or raise vocabulary.max_unknown_rate."


def _tell(settings: VocabularySettings, vocabulary: Vocabulary) -> None:
    if vocabulary.size < settings.size:
        logging.getLogger(__name__).info(
            "%d entries of the %d asked for: the text supports no more",
            vocabulary.size,
            settings.size,
        )
