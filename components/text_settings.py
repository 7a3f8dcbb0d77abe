"""Settings of the text: its files, its sources, and how it becomes documents."""

from typing import Any, Literal, Self

from pydantic import Field, field_validator, model_validator

from core.settings import Settings

# ISO 639-1.
LANGUAGES = """
aa ab ae af ak am an ar as av ay az ba be bg bh bi bm bn bo br bs ca ce ch co cr cs cu cv cy da de
dv dz ee el en eo es et eu fa ff fi fj fo fr fy ga gd gl gn gu gv ha he hi ho hr ht hu hy hz ia id
ie ig ii ik io is it iu ja jv ka kg ki kj kk kl km kn ko kr ks ku kv kw ky la lb lg li ln lo lt lu
lv mg mh mi mk ml mn mr ms mt my na nb nd ne ng nl nn no nr nv ny oc oj om or os pa pi pl ps pt qu
rm rn ro ru rw sa sc sd se sg sh si sk sl sm sn so sq sr ss st su sv sw ta te tg th ti tk tl tn to
tr ts tt tw ty ug uk ur uz ve vi vo wa wo xh yi yo za zh zu
"""
Format = Literal["auto", "lines", "prose", "jsonl", "parquet", "csv"]
UNNAMED_SOURCE = "text"  # of a recipe without sources


class LanguageSettings(Settings):
    """Settings with a `language`."""

    @field_validator("language", mode="before", check_fields=False)
    @classmethod
    def _read_norwegian(cls, language: Any) -> Any:
        return "no" if language is False else language  # YAML 1.1 reads no as a Boolean

    @field_validator("language", check_fields=False)
    @classmethod
    def _check_language(cls, language: str | None) -> str | None:
        if language and len(language) == 2 and language not in LANGUAGES.split():
            raise ValueError("no such language. Write its code in ISO 639, for example en or ko")
        return language


class SourceSettings(LanguageSettings):
    """One of several sources of text."""

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9_-]{0,62}$")
    """Name of the source, in counts, reports and the names of its files."""
    path: str = Field(min_length=1)
    """File, folder or glob, local or on gs://."""
    weight: float | None = Field(default=None, ge=0, le=1_000_000)
    """Share of the source in the text, relative to the other weights. Documents, chosen by the hash
    of their content, are left out until the shares are right. None, for all sources: keep all."""
    repeat: int = Field(default=1, ge=1, le=1000)
    """How often each document of the source is in the train split."""
    language: str | None = Field(default=None, pattern=r"^[a-z]{2,3}$")
    """ISO 639 code of the language. None: that of the text."""
    format: Format | None = None
    """Format of the source's files. None: that of the text."""

    @field_validator("name")
    @classmethod
    def _check_name(cls, name: str) -> str:
        if name == UNNAMED_SOURCE:
            raise ValueError(f"{UNNAMED_SOURCE} is the name of text without sources. Change it")
        return name


class TextSettings(LanguageSettings):
    """How files become documents and sentences."""

    format: Format = "auto"
    """What the files are. auto: by first bytes and name: Parquet; JSONL (.jsonl, .ndjson, .json);
    CSV (.csv, .tsv); all else is plain text, see form. lines, prose: plain text of this form.
    jsonl, parquet, csv: one document per line or row. Each may be compressed (.gz, .bz2, .xz,
    .zst), except Parquet, which compresses itself."""
    text_field: str = Field(default="text", min_length=1)
    """Field or column with the text (JSONL, Parquet, CSV)."""
    id_field: str | None = Field(default=None, min_length=1)
    """Field or column with an id, which is kept with the document as `record_id`. None: no id is
    kept."""
    metadata_fields: tuple[str, ...] = ()
    """Fields or columns to keep with the document, as JSON in `metadata`."""
    form: Literal["lines", "prose"] | None = None
    """How text becomes sentences. lines: one sentence per line, a blank line ends a document, as in
    BERT. prose: running text that is split into sentences. None: lines for plain text, prose for
    records."""
    language: str = Field(default="en", pattern=r"^[a-z]{2,3}$")
    """ISO 639 code of the language, for the sentence splitter (prose only) and the filters."""
    document_end: Literal["blank_line", "two_blank_lines", "file"] | None = None
    """What ends a document, in addition to the end of a file or record. None: blank_line for plain
    text in lines, file for all else, where blank lines separate paragraphs. two_blank_lines suits
    books with chapters."""
    on_bad_line: Literal["fail", "skip"] = "fail"
    """What to do with a line, record or row that is not valid. skip: drop and count it, up to
    max_bad_fraction."""
    max_bad_fraction: float = Field(default=0.001, ge=0, le=1)
    """Maximum share of lines, records or rows that may be dropped; more is an error."""
    max_line_bytes: int = Field(default=1 << 20, ge=64, le=1 << 30)
    """Maximum bytes per line; a longer line is a bad line."""
    max_document_bytes: int = Field(default=16 << 20, ge=1024, le=1 << 30)
    """Maximum bytes per document; longer documents are divided, and counted. A record with four
    times as many is a bad line."""
    max_gzip_ratio: int = Field(default=200, ge=2, le=100_000)
    """Maximum bytes after decompression per byte before it; more is treated as a decompression
    bomb."""
    drop_duplicates: bool = False
    """Whether to keep only one of several documents with equal content."""
    drop_near_duplicates: float | None = Field(default=None, ge=0.3, le=1)
    """Jaccard similarity of the five-word phrases of two documents from which one is dropped
    (MinHash); 0.8 is common. None: no document is dropped."""
    drop_boilerplate_lines: int | None = Field(default=None, ge=2, le=10_000)
    """Number of documents from which a line that they share counts as boilerplate, such as a menu
    or a notice, and is dropped from all of them; 10 is a start. None: no line is dropped."""
    filters: tuple[Literal["language", "gopher_quality", "gopher_repetition"], ...] = ()
    """Rules by which documents are left out, and counted. language: identified as another language
    than that of the text or its source. gopher_quality: length, words, symbols and, in English,
    stop words. gopher_repetition: repeated lines and phrases."""
    min_language_score: float = Field(default=0.65, ge=0, le=1)
    """How sure the filter language has to be of a document, from 0 to 1."""
    sources: tuple[SourceSettings, ...] = ()
    """Several sources of text, in place of `--text`."""
    eval_fraction: float = Field(default=0.1, gt=0, lt=1)
    """Share of documents that are held out for evaluation."""
    shard_bytes: int = Field(default=8 << 20, ge=1 << 16, le=1 << 30)
    """Bytes of text per shard; a split with less than eight shards of text gets smaller ones."""

    @property
    def plain_form(self) -> Literal["lines", "prose"]:
        """Return the form of plain text."""
        return self.format if self.format in ("lines", "prose") else self.form or "lines"

    @property
    def record_form(self) -> Literal["lines", "prose"]:
        """Return the form of the text in records."""
        return self.form or "prose"

    def for_source(self, name: str) -> "TextSettings":
        """Return the settings with which the files of a source are read."""
        update = {
            key: value
            for source in self.sources
            if source.name == name
            for key, value in (("language", source.language), ("format", source.format))
            if value is not None
        }
        return self.model_copy(update=update)

    def without_paths(self) -> "TextSettings":
        """Return the settings with names for the sources' paths, which no cache key may contain."""
        named = (source.model_copy(update={"path": source.name}) for source in self.sources)
        return self.model_copy(update={"sources": tuple(named)})

    @model_validator(mode="after")
    def _sources_can_be_mixed(self) -> Self:
        names = [source.name for source in self.sources]
        if twice := sorted({name for name in names if names.count(name) > 1}):
            raise ValueError(f"sources has the name {twice[0]} twice. Change one.")
        weights = [source.weight for source in self.sources]
        if None in weights and any(weight is not None for weight in weights):
            bare = names[weights.index(None)]
            raise ValueError(f"sources: {bare} has no weight, but others have. Give all or none.")
        if weights and None not in weights and not sum(weight or 0 for weight in weights):
            raise ValueError("sources: the weights add up to 0. Give one of them more.")
        return self

    @model_validator(mode="after")
    def _format_agrees_with_form(self) -> Self:
        if self.format in ("lines", "prose") and self.form not in (None, self.format):
            raise ValueError(
                f"format is {self.format}, but form is {self.form}. Remove form, or set it to "
                f"{self.format}."
            )
        return self
