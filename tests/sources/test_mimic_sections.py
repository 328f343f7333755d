"""Hard reports, cut by hand after the published rules."""

from __future__ import annotations

import pytest

from radvlm.sources.mimic_sections import named, sections


def report(*lines: str) -> str:
    return "\n".join(f" {line}" for line in lines)


def test_the_usual_report() -> None:
    text = report(
        "FINAL REPORT", "EXAMINATION:  CHEST", "", "FINDINGS:", "", "Clear", "lungs.", "",
        "IMPRESSION:", "", "No acute", "process.",
    )  # fmt: skip
    found = sections(text)
    assert found["findings"] == "Clear lungs." and found["impression"] == "No acute process."
    assert found["examination"] == "CHEST" and "FINAL REPORT" in found["preamble"]
    assert sections(text.replace("\n", "\r\n")) == found


def test_of_two_sections_of_a_name_the_last_holds() -> None:
    found = sections(
        report("WET READ", "", "FINDINGS: First.", "", "FINAL REPORT", "", "FINDINGS: Second.")
    )
    assert found["findings"] == "Second."


def test_an_addendum_on_top_is_a_section_of_its_own() -> None:
    found = sections(
        report("ADDENDUM:  By phone.", "", "_" * 40, "FINDINGS:  Clear.", "", "IMPRESSION:  None.")
    )
    assert found["findings"] == "Clear." and found["addendum"].startswith("By phone.")


def test_a_header_inside_a_line_is_text() -> None:
    found = sections(report("FINDINGS: Clear. IMPRESSION: none here.", "", "COMPARISON: None."))
    assert found["findings"] == "Clear. IMPRESSION: none here."
    assert "impression" not in found and found["comparison"] == "None."


def test_lower_case_before_a_colon_is_no_header() -> None:
    found = sections(report("FINDINGS: Two things", "Lungs: clear.", "", "IMPRESSION: Fine."))
    assert found["findings"] == "Two things Lungs: clear."


def test_without_findings_and_impression_the_last_paragraph_is_the_report() -> None:
    found = sections(report("INDICATION: Cough.", "", "The lungs", "are clear."))
    assert found["last_paragraph"] == "The lungs are clear."
    assert found["indication"] == "Cough." and "findings" not in found


def test_empty_findings_do_not_count() -> None:
    found = sections(report("FINDINGS: ", "", "", "COMPARISON: None.", "", "All is well."))
    assert "findings" not in found
    assert found["comparison"] == "None." and found["last_paragraph"] == "All is well."


def test_a_text_without_a_header_is_one_section() -> None:
    assert sections(report("Clear lungs.")) == {"full report": "Clear lungs."}
    found = sections(report("Preliminary.", "", "Clear lungs."))
    assert found == {"full report": "Preliminary.", "last_paragraph": "Clear lungs."}


@pytest.mark.parametrize(
    ("header", "name"),
    [
        ("FINDINGS AND IMPRESSION", "impression"),
        ("REASON FOR EXAM", "indication"),
        ("PA AND LATERAL VIEWS OF THE CHEST", "findings"),
        ("CHEST, PORTABLE", "findings"),
        ("COMPARISONS", "comparison"),
        ("CLINICAL  HISTORY", "history"),
        ("WET READ VERSION", "wet read version"),
        ("IMPRESSION ", "impression"),
    ],
)
def test_headers_have_one_name(header: str, name: str) -> None:
    assert named(header) == name
