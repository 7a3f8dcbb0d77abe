"""Claims about the Korean recipe on real Korean text: hardly an [UNK], and whole eojeols masked."""

import itertools
import re
import unicodedata
from pathlib import Path
from typing import Any

import pytest
import tensorflow as tf

from components.instance_gen.write_shard import write_shard
from components.instance_gen.writing.plan import ShardContext, count_slots, plan_units
from components.vocabulary_gen.make_vocabulary import make_vocabulary
from core.manifest import read_manifest
from core.vocabulary.vocabulary import load_vocabulary
from pipelines.recipe.file import load_recipe
from tests.components.instance_gen.folders import write_documents
from tests.components.vocabulary_gen.folders import process_here
from tests.real_text import KOREAN

HANGUL = re.compile("[가-힣]+")
PUNCTUATION = re.compile(r"[^\w\s\u2581]|_")


@pytest.fixture(scope="module", params=["wordpiece", "sentencepiece"])
def places(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The text as documents, and the vocabulary that the recipe makes of it, of either kind."""
    folder = tmp_path_factory.mktemp("korean")
    write_documents(folder / "documents", {"train": [KOREAN]})
    settings = load_recipe("korean", [f"vocabulary.kind={request.param}"]).vocabulary
    documents, vocabulary = str(folder / "documents"), str(folder / "vocabulary")
    make_vocabulary(documents, settings, vocabulary, "code", process_here)
    return folder


@pytest.fixture(scope="module")
def instances(places: Path) -> list[tuple[list[int], dict[int, int]]]:
    """For each instance its tokens before masking, and what stood at the masked positions."""
    recipe = load_recipe("korean", ["instances.form=static", "instances.dupe_factor=2"])
    vocabulary = load_vocabulary(str(places / "vocabulary"))
    context = ShardContext(
        output=str(places / "instances"),
        scratch=str(places / "scratch"),
        vocabulary=vocabulary.folder,
        vocabulary_digest=vocabulary.digest,
        settings=recipe.instances,
        masking=recipe.masking,
        max_predictions=count_slots(recipe.instances, recipe.masking),
        seed=recipe.seed,
    )
    documents = str(places / "documents")
    (unit,) = plan_units(documents, read_manifest(documents), ["train"], recipe.instances)
    path = str(places / "instances" / write_shard(context, unit)["shard"]["path"])
    records = tf.data.TFRecordDataset(path, compression_type="GZIP").as_numpy_iterator()
    return [_unmasked(tf.train.Example.FromString(record)) for record in records]


def _unmasked(example: Any) -> tuple[list[int], dict[int, int]]:
    feature = example.features.feature
    ids = list(feature["input_ids"].int64_list.value)
    weights = feature["masked_lm_weights"].float_list.value
    slots_ = (feature[f"masked_lm_{name}"].int64_list.value for name in ("positions", "ids"))
    masked = {at: token for at, token, weight in zip(*slots_, weights, strict=True) if weight}
    return [masked.get(at, token) for at, token in enumerate(ids)], masked


def test_hardly_a_word_is_unknown(places: Path) -> None:
    counts = read_manifest(str(places / "vocabulary")).counts["all"]
    assert counts["measured_words"] > 5_000
    assert counts["unknown_words"] < 0.005 * counts["measured_words"]


def test_the_vocabulary_holds_syllables_and_not_jamo(places: Path) -> None:
    tokens = load_vocabulary(str(places / "vocabulary")).tokens
    assert all(unicodedata.is_normalized("NFC", token) for token in tokens)
    bare = {token.removeprefix("##").removeprefix("\u2581") for token in tokens}
    assert {"데비안", "은", "는", "에서"} <= bare


def test_all_pieces_of_an_eojeol_are_masked_or_none(
    places: Path, instances: list[tuple[list[int], dict[int, int]]]
) -> None:
    tokens = load_vocabulary(str(places / "vocabulary")).tokens
    several = 0
    for ids, masked in instances:
        for word in _words([tokens[n] for n in ids]):
            known = [at for at in word if tokens[ids[at]] != "<unk>"]  # no special is masked
            assert len({at in masked for at in known}) <= 1
            several += len(known) > 1 and known[0] in masked
    assert several > 500


def test_what_is_masked_is_an_eojeol_of_the_text(
    places: Path, instances: list[tuple[list[int], dict[int, int]]]
) -> None:
    """But for those that the cut to the length has shortened."""
    tokens = load_vocabulary(str(places / "vocabulary")).tokens
    eojeols = {e for document in KOREAN for s in document for e in re.findall(r"\w+", s.lower())}
    spelt = [
        "".join(tokens[ids[at]].removeprefix("##").removeprefix("\u2581") for at in word)
        for ids, masked in instances
        for word in _words([tokens[n] for n in ids])
        if word[-1] in masked
    ]
    korean = [word for word in spelt if HANGUL.fullmatch(word)]
    assert len(korean) > 1000
    assert sum(word in eojeols for word in korean) > 0.98 * len(korean)


def _words(pieces: list[str]) -> list[list[int]]:
    """Positions of each word, found from the pieces alone; a segment's begin is one too."""
    of_spaces = any("\u2581" in piece for piece in pieces)
    starts = []
    for at, piece in enumerate(pieces):
        before = pieces[at - 1]
        if of_spaces:
            near = [piece[0], before[-1]] if "<unk>" not in (piece, before) else []
            begins = piece.startswith("\u2581") or any(map(PUNCTUATION.match, near))
        else:
            begins = not piece.startswith("##")
        starts.append(begins or before in ("[CLS]", "[SEP]"))
    number = list(itertools.accumulate(starts))
    return [list(group) for _, group in itertools.groupby(range(len(starts)), lambda n: number[n])]
