"""Run CorpusReportGen: unpack the artifacts and settings and write the report."""

from typing import Any

from tfx.dsl.components.base import base_executor
from tfx.types import artifact_utils

from components.artifacts import Artifacts
from components.corpus_report.findings import find_all
from components.corpus_report.page import render_report
from components.corpus_report.read_artifacts import read_report_data
from components.settings import ReportSettings
from core import storage
from core.file_names import REPORT


class Executor(base_executor.BaseExecutor):
    """Reads three artifacts and writes `report.html`."""

    def Do(
        self, input_dict: Artifacts, output_dict: Artifacts, exec_properties: dict[str, Any]
    ) -> None:
        """Write the report.

        Args:
            input_dict: `documents`, `vocabulary`, `instances`, one artifact each.
            output_dict: `report`; gets the custom property `findings`, their number.
            exec_properties: `report_settings` (`ReportSettings` as JSON), `code_digest`.
        """
        report = artifact_utils.get_single_instance(output_dict["report"])
        settings = ReportSettings.model_validate_json(exec_properties["report_settings"])
        data = read_report_data(
            artifact_utils.get_single_uri(input_dict["documents"]),
            artifact_utils.get_single_uri(input_dict["vocabulary"]),
            artifact_utils.get_single_uri(input_dict["instances"]),
            settings,
        )
        page = render_report(data, settings, exec_properties["code_digest"])
        storage.write_bytes(storage.join(report.uri, REPORT), page.encode())
        report.set_int_custom_property("findings", len(find_all(data)))
