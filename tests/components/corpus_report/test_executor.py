"""The component runs as TFX runs it."""

from pathlib import Path

from tfx.types import Channel, standard_artifacts

from components.artifacts import CorpusReport, Vocabulary
from components.corpus_report.component import CorpusReportGen
from components.corpus_report.executor import Executor
from components.settings import ReportSettings
from tests.components.corpus_report.folders import Folders


def artifact(kind: type, uri: str) -> standard_artifacts.Examples:
    artifact = kind()
    artifact.uri = uri
    return artifact


def test_the_executor_writes_one_file_and_counts_its_findings(
    folders: Folders, tmp_path: Path
) -> None:
    report = artifact(CorpusReport, str(tmp_path / "report"))
    inputs = {
        "documents": [artifact(standard_artifacts.Examples, folders.documents)],
        "vocabulary": [artifact(Vocabulary, folders.vocabulary)],
        "instances": [artifact(standard_artifacts.Examples, folders.instances)],
    }
    properties = {"report_settings": ReportSettings().model_dump_json(), "code_digest": "abc"}
    Executor().Do(inputs, {"report": [report]}, properties)
    assert [path.name for path in Path(report.uri).iterdir()] == ["report.html"]
    page = (Path(report.uri) / "report.html").read_text(encoding="utf-8")
    assert page.count("<li class=") == report.get_int_custom_property("findings") > 0


def test_the_component_names_its_output_type() -> None:
    component = CorpusReportGen(
        documents=Channel(type=standard_artifacts.Examples),
        vocabulary=Channel(type=Vocabulary),
        instances=Channel(type=standard_artifacts.Examples),
        report_settings="{}",
        code_digest="abc",
    )
    assert component.outputs["report"].type is CorpusReport
    assert component.exec_properties == {"report_settings": "{}", "code_digest": "abc"}
