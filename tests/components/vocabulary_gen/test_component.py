"""The component runs as TFX runs it, and `transformers` reads its vocabularies."""

import filecmp
import json
from pathlib import Path
from typing import Any

import pytest
from tfx.dsl.components.base import base_beam_executor
from tfx.types import channel_utils, standard_artifacts

from components.artifacts import Vocabulary
from components.settings import VocabularySettings
from components.vocabulary_gen.component import VocabularyGen
from components.vocabulary_gen.executor import VocabularyGenExecutor
from core.vocabulary.vocabulary import load_vocabulary
from tests.components.vocabulary_gen.folders import write_documents
from tests.real_text import ENGLISH, KOREAN
from tests.small_vocabulary import write_small_vocabulary
from tests.transformers_scripts import run_script

SCRIPT = Path(__file__).with_name("transformers_encode.py")
TEXTS = [sentence for document in [*ENGLISH, *KOREAN] for sentence in document]
TEXTS += [
    "CAFE\u0301 J\u030c \u0130stanbul",
    "漢字かな交じり文",
    "a\u200bb \u00ad \ufffd",
    "x" * 101,
]
COMPARED: list[dict[str, object]] = [
    {},
    {"lowercase": False},
    {"strip_accents": True},
    {"kind": "sentencepiece"},
    {"kind": "sentencepiece", "lowercase": False, "split_cjk": True},
]


def component(documents: standard_artifacts.Examples, **settings: object) -> VocabularyGen:
    return VocabularyGen(
        documents=channel_utils.as_channel([documents]),
        vocabulary_settings=VocabularySettings.model_validate(settings).model_dump_json(),
        code_digest="code",
    )


def run(tmp_path: Path, *beam_args: str, **settings: object) -> Path:
    documents, vocabulary = standard_artifacts.Examples(), Vocabulary()
    documents.uri = str(write_documents(tmp_path / "documents", [*ENGLISH, *KOREAN]))
    vocabulary.uri = str(tmp_path / "vocabulary")
    properties = dict(component(documents, **settings).exec_properties)
    inputs, outputs = {"documents": [documents]}, {"vocabulary": [vocabulary]}
    context = base_beam_executor.BaseBeamExecutor.Context(
        beam_pipeline_args=[*beam_args], tmp_dir=str(tmp_path / "tmp"), unique_id="1"
    )
    VocabularyGenExecutor(context).Do(inputs, outputs, properties)
    return tmp_path / "vocabulary"


def test_the_executor_writes_a_vocabulary(tmp_path: Path) -> None:
    assert load_vocabulary(str(run(tmp_path, size=2500))).size == 2500


def test_the_executor_writes_a_sentencepiece_vocabulary(tmp_path: Path) -> None:
    vocabulary = load_vocabulary(str(run(tmp_path, size=2500, kind="sentencepiece")))
    assert (vocabulary.size, vocabulary.kind) == (2500, "sentencepiece")


@pytest.mark.parametrize("kind", ["wordpiece", "sentencepiece"])
def test_two_workers_write_the_bytes_of_one_and_leave_nothing_else(
    kind: str, tmp_path: Path
) -> None:
    flags = ["--direct_num_workers=2", "--sdk_container_image=unused"]
    one, two = (run(tmp_path / str(len(args)), *args, size=2500, kind=kind) for args in ([], flags))
    names = sorted(path.name for path in one.iterdir())
    assert "manifest.json" in names
    assert sorted(path.name for path in two.iterdir()) == names
    assert filecmp.cmpfiles(one, two, names, shallow=False) == (names, [], [])


def test_editing_the_imported_folder_changes_the_cache_key(tmp_path: Path) -> None:
    folder = write_small_vocabulary(tmp_path / "theirs")
    examples = standard_artifacts.Examples()
    before = component(examples, import_from=str(folder)).exec_properties
    write_small_vocabulary(folder, ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "other"])
    after = component(examples, import_from=str(folder)).exec_properties
    assert before["vocabulary_settings"] == after["vocabulary_settings"]
    assert before["import_digest"] != after["import_digest"]


@pytest.fixture(scope="module")
def encoded(tmp_path_factory: pytest.TempPathFactory) -> list[tuple[Path, dict[str, Any]]]:
    """Return vocabularies, and what `transformers` makes of the texts with each."""
    folders = [
        run(tmp_path_factory.mktemp("compared"), size=2500, **settings) for settings in COMPARED
    ]
    texts = tmp_path_factory.mktemp("texts") / "texts.json"
    texts.write_text(json.dumps(TEXTS), encoding="utf-8")
    printed = run_script(SCRIPT, str(texts), *map(str, folders))
    return list(zip(folders, map(json.loads, printed.splitlines()), strict=True))


@pytest.mark.transformers
@pytest.mark.parametrize("number", range(len(COMPARED)), ids=map(str, COMPARED))
def test_transformers_gives_the_same_ids(
    number: int, encoded: list[tuple[Path, dict[str, Any]]]
) -> None:
    folder, theirs = encoded[number]
    vocabulary = load_vocabulary(str(folder))
    tokenizer = vocabulary.tokenizer()
    assert theirs["ids"] == [tokenizer.encode(text).ids for text in TEXTS]
    assert theirs["specials"] == [0, 1, 2, 3, 4]
    assert theirs["size"] == vocabulary.size
    first, second = theirs["ids"][:2]
    assert theirs["pair"] == [
        [vocabulary.cls_id, *first, vocabulary.sep_id, *second, vocabulary.sep_id],
        [0] * (len(first) + 2) + [1] * (len(second) + 1),
    ]
