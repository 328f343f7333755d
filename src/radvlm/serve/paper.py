"""A report as PDF: the text a person has edited, the reading's findings, scope and notice.

The text is the caller's; it stands on the page as text and nowhere else. Letters that the font does
not have are written as question marks, and that is said on the page.
"""

from __future__ import annotations

from typing import Any

from fpdf import FPDF

from radvlm.reading.record import NOTICE

_LINE = 6.0
_MOST = 20_000
"""Characters of a report; far more than any has."""


def report_pdf(text: str, scope: str, reading: dict[str, Any] | None = None) -> bytes:
    """One A4 document.

    Args:
        text: the report as edited.
        scope: the model's, printed on every page.
        reading: JSON of a ``Reading``, whose findings are listed below the text; one whose status
            a person has changed has ``"edited": true``.
    """
    page = _Paper(scope)
    page.add_page()
    page.set_font("Helvetica", "B", 15)
    page.cell(0, 10, "Chest radiograph: draft report", new_x="LMARGIN", new_y="NEXT")
    page.set_font("Helvetica", "", 11)
    page.multi_cell(0, _LINE, page.said(text[:_MOST]), new_x="LMARGIN", new_y="NEXT")
    findings = (reading or {}).get("findings")
    if isinstance(findings, list) and findings:
        page.ln(4)
        page.set_font("Helvetica", "B", 12)
        page.cell(0, 8, "Findings of the model", new_x="LMARGIN", new_y="NEXT")
        page.set_font("Helvetica", "", 10)
        for one in findings[:50]:
            if isinstance(one, dict):
                page.multi_cell(0, 5, page.said(_line(one)), new_x="LMARGIN", new_y="NEXT")
    if page.lost:
        page.ln(3)
        page.set_font("Helvetica", "I", 9)
        page.multi_cell(0, 5, f"{page.lost} letters could not be printed and stand as ?.")
    return bytes(page.output())


class _Paper(FPDF):
    """Pages with the scope above and the notice below."""

    def __init__(self, scope: str) -> None:
        super().__init__(format="A4")
        self.scope, self.lost = scope, 0
        self.set_auto_page_break(True, margin=20)

    def header(self) -> None:
        """The scope of the model."""
        self.set_font("Helvetica", "I", 9)
        self.cell(0, 6, self.said(self.scope), new_x="LMARGIN", new_y="NEXT")

    def footer(self) -> None:
        """Research use only."""
        self.set_y(-15)
        self.set_font("Helvetica", "I", 9)
        self.cell(0, 6, f"{NOTICE} Page {self.page_no()}")

    def said(self, text: str) -> str:
        """The text in the letters of the font (Latin-1)."""
        for odd, usual in (
            ("–", "-"),
            ("—", "-"),
            ("’", "'"),
            ("“", '"'),
            ("”", '"'),
            ("…", "..."),
        ):
            text = text.replace(odd, usual)
        plain = text.encode("latin-1", "replace").decode("latin-1")
        self.lost += sum(a != b for a, b in zip(text, plain, strict=True))
        return plain


def _line(finding: dict[str, Any]) -> str:
    side = f" ({finding['side']})" if finding.get("side") else ""
    sure = finding.get("confidence")
    chance = f", confidence {sure:.2f}" if isinstance(sure, float) else ""
    by = ", changed by a person" if finding.get("edited") is True else ""
    return f"{finding.get('name')}{side}: {finding.get('status')}{chance}{by}"
