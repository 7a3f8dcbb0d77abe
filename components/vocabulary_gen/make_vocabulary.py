"""Train or import a vocabulary, check it on the text, and write the artifact."""

import logging
from collections import Counter

from pydantic import JsonValue

from components.settings import VocabularySettings
from components.unit_work import MapUnits
from components.vocabulary_gen.checking import check_unknown_rate, count_differing, measure_unknown
from components.vocabulary_gen.count_sample import count_sample
from components.vocabulary_gen.importing import import_vocabulary
from components.vocabulary_gen.text_sample import TextSample, sample_text
from components.vocabulary_gen.training.train_unigram import train_unigram
from components.vocabulary_gen.training.train_wordpiece import train_wordpiece
from components.vocabulary_gen.writing.write_vocabulary import NewVocabulary, write_vocabulary
from core.manifest import Manifest, describe_file, read_manifest, write_manifest
from core.settings import LATEST_BLESSED
from core.temporary import make_scratch
from core.vocabulary.vocabulary import Vocabulary, load_vocabulary

logger = logging.getLogger(__name__)


def make_vocabulary(
    documents_folder: str,
    settings: VocabularySettings,
    folder: str,
    code_digest: str,
    map_units: MapUnits,
    latest_blessed: str | None = None,
) -> Manifest:
    """Write the vocabulary and, last, the manifest.

    The caller removes the folder `SCRATCH` from the artifact's folder.

    `import_from: latest_blessed` stands for the folder `latest_blessed`; if it is None, because no
    model was blessed yet, a vocabulary is trained.

    Raises:
        VocabularyError: the import cannot be used, or too many words are unknown.
    """
    documents = read_manifest(documents_folder)
    source = latest_blessed if settings.import_from == LATEST_BLESSED else settings.import_from
    if source is None:
        scratch = make_scratch(folder)
        counted = count_sample(documents_folder, documents, settings, map_units, scratch)
        new = _train(*counted, settings)
    else:
        new = import_vocabulary(source, settings.kind)
    sample = sample_text(documents_folder, documents, settings.sample_bytes)
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


def _train(words: Counter[str], text_bytes: int, settings: VocabularySettings) -> NewVocabulary:
    train = train_wordpiece if settings.kind == "wordpiece" else train_unigram
    new = train(words, settings)
    size = new.tokenizer.get_vocab_size()
    new.counts["trained_bytes"] = text_bytes
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
