"""Sections of a MIMIC-CXR report, by the rules the data set was published with.

Source: the section code of the MIMIC-CXR repository (MIT-LCP/mimic-cxr, ``txt/``), whose rules
are stated here in our own words. A header is a line that begins with one space and holds capitals,
spaces and ``( ) / , -`` up to a colon. Of several sections of one name the last holds; empty
findings and impressions are none; where neither is left, what follows the first blank line of the
last section is the ``last_paragraph``. The few studies whose sections the authors set by hand are
not treated apart.
"""

from __future__ import annotations

import re

_HEADER = re.compile(r"\n ([A-Z ()/,-]+):\s")
_BLANK = "\n \n"

_NAMES: dict[str, str] = {
    "comparisons": "comparison",
    "clinical history": "history",
    "clinical information": "history",
    "patient history": "history",
    "pfi": "history",
    "reason for exam": "indication",
    "reason for examination": "indication",
    "clinical indication": "indication",
    "exam": "examination",
    "type of examination": "examination",
    "conclusion": "impression",
    "conclusions": "impression",
    "impresson": "impression",
    "impressions": "impression",
    "impresion": "impression",
    "imprression": "impression",
    "impression and plan": "impression",
    "findings and impression": "impression",
    "findings/impression": "impression",
    "finding": "findings",
    "findins": "findings",
    "findgings": "findings",
    "chest, two views": "findings",
    "recommendation": "recommendations",
}
_CONTAINED = ("impression", "findings", "history", "comparison", "addendum")
_VIEWS = (
    "chest",
    "portable",
    "pa and lateral",
    "lateral and pa",
    "ap and lateral",
    "lateral and ap",
    "frontal and lateral",
    "two views",
    "frontal view",
    "pa view",
    "ap view",
    "one view",
    "lateral view",
    "bone window",
    "frontal upright",
    "ribs",
    "rib",
)


def sections(report: str) -> dict[str, str]:
    """The sections of a report by name, white space evened out, in the order they are found."""
    parts = _cut(report.replace("\r\n", "\n"))
    found: dict[str, str] = {}
    for name, text in parts:
        if name in ("impression", "findings") and not text.strip():
            continue
        found[name] = text
    if parts and not {"impression", "findings"} & found.keys():
        name, text = parts[-1]
        head, blank, rest = text.partition(_BLANK)
        if blank:
            found[name] = head
            found["last_paragraph"] = rest
    evened = ((name, " ".join(text.split())) for name, text in found.items())
    return {name: text for name, text in evened if text}


def named(header: str) -> str:
    """The name of a section from its header: one name for its spellings."""
    plain = " ".join(header.lower().split())
    if plain in _NAMES:
        return _NAMES[plain]
    for word in _CONTAINED:
        if word in plain:
            return word
    return "findings" if any(word in plain for word in _VIEWS) else plain


def _cut(text: str) -> list[tuple[str, str]]:
    """(name, text) of each section; before the first header is the preamble."""
    text = f"\n{text}"
    match = _HEADER.search(text)
    if match is None:
        return [("full report", text)]
    parts = [("preamble", text[: match.start(1)])]
    while match:
        start = match.end()
        # The search goes on behind the line: a second header on it is not seen.
        following = _HEADER.search(text, max(text.find("\n", start), start))
        end = following.start(1) if following else len(text)
        parts.append((named(match[1]), text[start:end]))
        match = following
    return parts
