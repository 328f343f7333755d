"""Hard reports, cut by hand after the published rules."""

from __future__ import annotations

import pytest

from radvlm.sources.mimic_sections import named, sections


def report(*lines: str) -> str:
    """A report below the line every one begins with, each line with its space."""
    return "\n".join(f" {line}" for line in ("FINAL REPORT", *lines))


def test_the_usual_report() -> None:
    text = report(
        "EXAMINATION:  CHEST", "", "FINDINGS:", "", "Clear", "lungs.", "",
        "IMPRESSION:", "", "No acute", "process.",
    )  # fmt: skip
    found = sections(text)
    assert found["findings"] == "Clear lungs." and found["impression"] == "No acute process."
    assert found["examination"] == "CHEST" and "FINAL REPORT" in found["preamble"]
    assert sections(text.replace("\n", "\r\n")) == found


def test_of_two_sections_of_a_name_the_last_holds() -> None:
    found = sections(
        report(
            "WET READ: None.", "", "FINDINGS: First.", "", "FINAL REPORT", "", "FINDINGS: Second."
        )
    )
    assert found["findings"] == "Second."
    assert found["wet read"] == "None."


def test_a_title_before_the_sections_is_no_second_findings() -> None:
    found = sections(report("CHEST, PA AND LATERAL:", "", "FINDINGS: Clear.", "", "RIBS:", ""))
    assert found["findings"] == "Clear."


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


def test_before_an_empty_impression_the_last_paragraph_is_found() -> None:
    found = sections(report("INDICATION: Cough.", "", "Clear lungs.", "IMPRESSION:", "", "", ""))
    assert found["indication"] == "Cough." and found["last_paragraph"] == "Clear lungs."
    assert "impression" not in found


def test_a_text_without_a_header_is_one_section() -> None:
    assert sections(" Clear lungs.") == {"full report": "Clear lungs."}
    found = sections(report("", "Clear lungs.", "", "Second."))
    assert found == {"full report": "FINAL REPORT", "last_paragraph": "Clear lungs. Second."}


def test_headers_need_a_space_and_are_not_in_the_first_line() -> None:
    found = sections(" FINDINGS: First.\nIMPRESSION: None.\n   COMPARISON: Old.")
    assert found == {"preamble": "FINDINGS: First. IMPRESSION: None.", "comparison": "Old."}


def test_removed_names_and_ages_stay_as_they_are() -> None:
    found = sections(report("HISTORY: ___-year-old.", "", "FINDINGS: As of ___, clear."))
    assert (found["history"], found["findings"]) == ("___-year-old.", "As of ___, clear.")


def test_of_some_reports_the_authors_told_what_is_to_be_read() -> None:
    text = report("INDICATION: The lungs are clear.", "", "IMPRESSION: See above.")
    wanted = {**sections(text), "last_paragraph": "The lungs are clear."}
    del wanted["impression"]
    assert sections(text, "51966317") == wanted
    start = "FINAL REPORT".ljust(59) + "These hold it.".ljust(159) + "Not these."
    assert sections(start, "56579911")["last_paragraph"] == "These hold it."
    assert not {"last_paragraph", "impression"} & sections(text, "58235663").keys()


@pytest.mark.parametrize(
    ("header", "name"),
    [
        ("FINDINGS AND IMPRESSION", "impression"),
        ("REASON FOR EXAM", "indication"),
        ("PA AND LATERAL VIEWS OF THE CHEST", "findings"),
        ("CHEST, PORTABLE", "findings"),
        ("COMPARISONS", "comparison"),
        ("CLINICAL  HISTORY", "history"),
        ("REFERENCE EXAM", "comparison"),
        ("NDICATION", "impression"),
        ("RECOMMENDATION(S)", "recommendations"),
        ("FRONTAL AND LATERAL", "findings"),
        ("RIB", "rib"),
        ("WET READ VERSION", "wet read version"),
        ("IMPRESSION ", "impression"),
    ],
)
def test_headers_have_one_name(header: str, name: str) -> None:
    assert named(header) == name
