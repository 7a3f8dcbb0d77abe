"""Train vocabularies of English, Korean, Japanese and Chinese as VocabularyGen does."""

from pathlib import Path

from components.settings import VocabularySettings
from components.vocabulary_gen.count_sample import count_words
from components.vocabulary_gen.training.train_unigram import train_unigram
from components.vocabulary_gen.training.train_wordpiece import train_wordpiece
from components.vocabulary_gen.writing.write_vocabulary import write_vocabulary
from core.vocabulary.tokenizer_file import Kind
from core.vocabulary.vocabulary import Vocabulary, load_vocabulary
from tests.real_text import ENGLISH, KOREAN

SIZE = 3000
# The first article of the Universal Declaration of Human Rights.
JAPANESE = [
    "すべての人間は、生まれながらにして自由であり、かつ、尊厳と権利とについて平等である。",
    "人間は、理性と良心とを授けられており、互いに同胞の精神をもって行動しなければならない。",
]
CHINESE = [
    "人人生而自由,在尊严和权利上一律平等。",
    "他们赋有理性和良心,并应以兄弟关系的精神相对待。",
]
TEXT = [*ENGLISH, *KOREAN, *[JAPANESE] * 5, *[CHINESE] * 5]


def train_pieces(folder: Path, kind: Kind, *, split_cjk: bool) -> Vocabulary:
    """Train 3,000 pieces on all of the text, and write them to the folder."""
    settings = VocabularySettings(kind=kind, size=SIZE, split_cjk=split_cjk)
    train = train_wordpiece if kind == "wordpiece" else train_unigram
    write_vocabulary(train(count_words(TEXT, settings), settings), str(folder))
    return load_vocabulary(str(folder))
