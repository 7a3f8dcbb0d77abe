"""Tests that recipes are read strictly, with errors that give file, line, key and remedy."""

import inspect
from pathlib import Path
from types import ModuleType

import pytest

import components.evaluation_settings
import components.settings
import pipelines.recipe.settings
import pipelines.recipe.vertex_settings
import trainer.settings.fine_tuning
import trainer.settings.masking
import trainer.settings.model
import trainer.settings.phase
import trainer.settings.training
from core.settings import Settings
from pipelines.local.run_command import write_recipe
from pipelines.recipe.file import RecipeError, load_recipe, shipped_recipes

GOOD = "name: mine\ndescription: A trial.\nexpected: Seconds.\n"


def recipe_of(folder: Path, more: str) -> Path:
    path = folder / "mine.yaml"
    path.write_text(GOOD + more, encoding="utf-8")
    return path


@pytest.mark.parametrize("name", shipped_recipes())
def test_every_shipped_recipe_is_valid_and_named_like_its_file(name: str) -> None:
    assert load_recipe(name).name == name


def test_an_override_changes_only_its_setting(tmp_path: Path) -> None:
    path = recipe_of(tmp_path, "trainer:\n  steps: 20\n  warmup_steps: 2\n")
    recipe = load_recipe(str(path), ["trainer.steps=2000", "masking.rate=0.2"])
    assert (recipe.trainer.steps, recipe.trainer.warmup_steps) == (2000, 2)
    assert recipe.masking.rate == 0.2


@pytest.mark.parametrize(
    ("text", "number"),
    [("6e-4", 6e-4), ("1e-05", 1e-5), (".5E-3", 5e-4), ("1e0", 1.0), ("6.0e-4", 6e-4)],
)
def test_a_learning_rate_may_have_an_exponent(tmp_path: Path, text: str, number: float) -> None:
    path = str(recipe_of(tmp_path, f"trainer: {{learning_rate: {text}}}\n"))
    assert load_recipe(path).trainer.learning_rate == number
    assert load_recipe(path, [f"trainer.learning_rate={text}"]).trainer.learning_rate == number


@pytest.mark.parametrize("text", ["1e6", "1_000_000", "1.0e+6", "1000000"])
def test_steps_may_be_written_in_every_usual_form(tmp_path: Path, text: str) -> None:
    path = str(recipe_of(tmp_path, f"trainer: {{steps: {text}}}\n"))
    assert load_recipe(path).trainer.steps == 1_000_000
    assert load_recipe(path, [f"trainer.steps={text}"]).trainer.steps == 1_000_000


def test_the_recipe_of_a_run_reads_back_equal(tmp_path: Path) -> None:
    more = "card: {notes: '6e-4'}\ntrainer: {learning_rate: 1e-5}\n"
    recipe = load_recipe(str(recipe_of(tmp_path, more)))
    write_recipe(recipe, tmp_path)
    assert load_recipe(str(tmp_path / "recipe.yaml")) == recipe


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ("instances: {form: static}\nmasking: {schedule: {end_rate: 0.3, steps: 9}}\n",
         "mine.yaml: masking.schedule changes the rate during training, but instances.form is "
         "static"),
        ("masking: {schedule: {end_rat: 0.3, steps: 9}}\n",
         "unknown key masking.schedule.end_rat. Did you mean masking.schedule.end_rate?"),
        ("export: {layout: berd}\n", "mine.yaml:4: export.layout: Input should be 'bert'"),
        ("trainer:\n  warmup_stpes: 5\n", "mine.yaml:5: unknown key trainer.warmup_stpes. Did you "
         "mean trainer.warmup_steps?"),
        ("trainer:\n  steps: 5\n  steps: 6\n", "mine.yaml:6: trainer.steps is set twice, first in "
         "line 5"),
        ("trainer:\n  steps: many\n", "mine.yaml:5: trainer.steps: Input should be a"),
        ("trainer:\n  steps: '20'\n", "trainer.steps: Input should be a valid integer"),
        ("masking:\n  rate: 1.5\n", "mine.yaml:5: masking.rate: Input should be less than 1"),
        ("model: &m {size: tiny}\ntext: *m\n", "aliases (*name) are not allowed"),
        ("model: !!python/object:os.system {}\n", "are not allowed"),
        ("instances:\n  seq_length: 1024\n", "Raise model.max_position"),
        ("text: {sources: [{name: web, path: 'w/{SPAN}'}, {name: books, path: b}]}\n",
         "mine.yaml: text.sources: the path of web has a span, that of books has none. Put both"),
        ("model: {start_from: latest_blessed}\nvocabulary: {import_from: latest_blessed}\n"
         "evaluation: {tasks: [{name: a, kind: tag, train: a, eval: b, seq_length: 520}]}\n",
         "task a has a seq_length of 520, but the model has 512 positions. Lower it"),
        ("trainer: {evaluate_tasks: [b], evaluate_every_steps: 9}\n",
         "trainer.evaluate_tasks names b, but evaluation.tasks has no task"),
        ("trainer: {evaluate_tasks: [b]}\n", "Set evaluate_every_steps"),
        ("trainer: {evaluate_tasks: [b, c, b], evaluate_every_steps: 9}\n",
         "evaluate_tasks names b twice. Remove one of them."),
        ("text: {language: zz}\n", "mine.yaml:4: text.language: no such language. Write its code"),
        ("trainer: [1]\n", "mine.yaml:4: trainer is a group of settings. Set one"),
    ],
)  # fmt: skip
def test_a_wrong_recipe_is_refused_with_one_line(tmp_path: Path, more: str, message: str) -> None:
    with pytest.raises(RecipeError) as refused:
        load_recipe(str(recipe_of(tmp_path, more)))
    assert message in str(refused.value)


def test_all_errors_are_reported_at_once(tmp_path: Path) -> None:
    path = recipe_of(tmp_path, "seeds: 1\ntrainer:\n  steps: 0\n")
    with pytest.raises(RecipeError) as refused:
        load_recipe(str(path))
    assert "Did you mean seed?" in str(refused.value)
    assert "trainer.steps" in str(refused.value)


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("trainer.step=5", "--set: unknown key trainer.step. Did you mean trainer.steps?"),
        ("foo.bar=1", "--set: unknown key foo. Known keys: name, description"),
        ("steps=5", "--set: unknown key steps. Did you mean trainer.steps?"),
        ("vocab.size=5", "--set: unknown key vocab. Did you mean vocabulary?"),
        ("lerning_rate=5", "--set: unknown key lerning_rate. Did you mean trainer.learning_rate?"),
        ("trainer.steps", "write it as KEY=VALUE, e.g. trainer.steps=2000"),
        ("name.x=1", "name is a single value"),
    ],
)
def test_a_wrong_override_is_refused(tmp_path: Path, override: str, message: str) -> None:
    with pytest.raises(RecipeError) as refused:
        load_recipe(str(recipe_of(tmp_path, "")), [override])
    assert message in str(refused.value)


def test_an_unknown_recipe_suggests_the_closest_name() -> None:
    with pytest.raises(RecipeError, match=r"no such recipe\. Did you mean demo"):
        load_recipe("demoo")
    with pytest.raises(RecipeError, match=r"^xyz: no such recipe\. Shipped recipes: albert-base"):
        load_recipe("xyz")


# Modules of settings whose fields are described by a string below the field (`core.settings`).
DESCRIBED = [
    components.evaluation_settings,
    components.settings,
    pipelines.recipe.settings,
    pipelines.recipe.vertex_settings,
    trainer.settings.fine_tuning,
    trainer.settings.masking,
    trainer.settings.model,
    trainer.settings.phase,
    trainer.settings.training,
]


@pytest.mark.parametrize("module", DESCRIBED)
def test_every_setting_has_a_description(module: ModuleType) -> None:
    classes = [
        value
        for value in vars(module).values()
        if inspect.isclass(value)
        and issubclass(value, Settings)
        and value.__module__ == module.__name__
    ]
    assert classes
    for cls in classes:
        for name, field in cls.model_fields.items():
            assert field.description, f"{cls.__name__}.{name} has no description"
            assert field.description.endswith("."), f"{cls.__name__}.{name} is not a sentence"


@pytest.mark.parametrize(
    "override", ["vocabulary.size=1000000000", "trainer.steps=1e20", "trainer.learning_rate=1e400"]
)
def test_an_absurd_number_is_refused(override: str) -> None:
    with pytest.raises(RecipeError, match=r"Input should be (less than or equal|a finite)"):
        load_recipe("demo", [override])


def test_settings_are_immutable() -> None:
    assert all(cls.model_config["frozen"] for cls in Settings.__subclasses__())


def test_relative_paths_in_a_recipe_are_relative_to_the_current_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    path = recipe_of(tmp_path, "vocabulary: {import_from: mine}\nmodel: {start_from: gs://b/m}\n")
    recipe = load_recipe(str(path)).from_here()
    assert recipe.vocabulary.import_from == str(tmp_path / "mine")
    assert recipe.model.start_from == "gs://b/m"


def test_norwegian_is_a_language_although_yaml_reads_it_as_false(tmp_path: Path) -> None:
    assert load_recipe("demo", ["text.language=no"]).text.language == "no"
    path = recipe_of(tmp_path, "text: {language: no}\n")
    assert load_recipe(str(path)).text.language == "no"
    with pytest.raises(RecipeError, match=r"text\.language: .* got True\. Put quotes around it"):
        load_recipe("demo", ["text.language=yes"])
    with pytest.raises(RecipeError, match=r"lowercase: .* got 'maybe'\. Write true or false\."):
        load_recipe("demo", ["vocabulary.lowercase=maybe"])


def test_a_rule_that_an_override_breaks_is_blamed_on_it_and_a_group_lists_its_keys() -> None:
    with pytest.raises(RecipeError, match=r"^--set: trainer\.warmup_steps is 5000 of 2400"):
        load_recipe("demo", ["trainer.warmup_steps=5000"])
    with pytest.raises(RecipeError, match=r"^--set: trainer is a group of settings\. Set one of"):
        load_recipe("demo", ["trainer=5"])


@pytest.mark.parametrize("name", ["quick", "korean", "albert-tiny", "electra-tiny", "bert-base"])
def test_recipes_split_the_running_text_of_records_into_sentences(name: str) -> None:
    text = load_recipe(name).text
    assert (text.plain_form, text.record_form) == ("lines", "prose")
