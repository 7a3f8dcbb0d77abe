"""Train or import a vocabulary, check it on the text, and write the artifact."""

import logging

from pydantic import JsonValue

from components.settings import VocabularySettings
from components.vocabulary_gen.checking import check_unknown_rate, count_differing, measure_unknown
from components.vocabulary_gen.importing import import_vocabulary
from components.vocabulary_gen.text_sample import TextSample
from components.vocabulary_gen.training.train_unigram import train_unigram
from components.vocabulary_gen.training.train_wordpiece import train_wordpiece
from components.vocabulary_gen.writing.write_vocabulary import NewVocabulary, write_vocabulary
from core.manifest import Manifest, describe_file, read_manifest, write_manifest
from core.settings import LATEST_BLESSED
from core.vocabulary.vocabulary import Vocabulary, load_vocabulary

logger = logging.getLogger(__name__)


def make_vocabulary(
    documents_folder: str,
    settings: VocabularySettings,
    folder: str,
    code_digest: str,
    latest_blessed: str | None = None,
) -> Manifest:
    """Write the vocabulary and, last, the manifest.

    `import_from: latest_blessed` stands for the folder `latest_blessed`; if it is None, because no
    model was blessed yet, a vocabulary is trained.

    Raises:
        VocabularyError: the import cannot be used, or too many words are unknown.
    """
    documents = read_manifest(documents_folder)
    sample = TextSample(documents_folder, documents, settings.sample_bytes)
    source = latest_blessed if settings.import_from == LATEST_BLESSED else settings.import_from
    new = _train(sample, settings) if source is None else import_vocabulary(source, settings.kind)
    write_vocabulary(new, folder)
    vocabulary = load_vocabulary(folder)
    counts = {**new.counts, **_check_on_text(new, vocabulary, sample, settings, source)}
    manifest = Manifest(
        kind="vocabulary",
        shards={"all": [describe_file(folder, name) for name in vocabulary.files]},
        counts={"all": counts},
        facts={
            **_facts(vocabulary),
            "code_digest": code_digest,
            "imported_from": settings.import_from,
            "documents_digest": documents.content_digest(),
            "settings": settings.model_dump(mode="json"),
        },
    )
    write_manifest(folder, manifest)
    return manifest


def _train(sample: TextSample, settings: VocabularySettings) -> NewVocabulary:
    train = train_wordpiece if settings.kind == "wordpiece" else train_unigram
    new = train(sample, settings)
    size = new.tokenizer.get_vocab_size()
    new.counts["trained_bytes"] = sample.text_bytes
    new.counts["missing_entries"] = settings.size - size
    if size < settings.size:
        logger.info("Trained %d of %d entries: the text supports no more", size, settings.size)
    return new


def _check_on_text(
    new: NewVocabulary,
    vocabulary: Vocabulary,
    sample: TextSample,
    settings: VocabularySettings,
    source: str | None,
) -> dict[str, int]:
    """Check the vocabulary on the text and return counts for the manifest."""
    tokenizer = vocabulary.tokenizer()
    measurement = measure_unknown(tokenizer, vocabulary.unk_id, sample)
    remedy = "Raise vocabulary.size"
    if source is not None:
        remedy = "Import a vocabulary of the text's languages, train one"
    check_unknown_rate(measurement, settings.max_unknown_rate, remedy)
    counts = {}
    if new.kind == "sentencepiece":
        counts["differing_sentences"] = count_differing(tokenizer, new.spiece_model, sample)
    return {
        **counts,
        "vocab_size": vocabulary.size,
        "measured_words": measurement.words,
        "measured_tokens": measurement.tokens,
        "unknown_words": measurement.unknown_words,
    }


def _facts(vocabulary: Vocabulary) -> dict[str, JsonValue]:
    return {
        "digest": vocabulary.digest,
        "vocab_size": vocabulary.size,
        "kind": vocabulary.kind,
        "special_ids": dict(vocabulary.named_ids),
        "lowercase": vocabulary.lowercase,
        "strip_accents": vocabulary.strip_accents,
    }
