"""Sections of a MIMIC-CXR report, by the rules the data set was published with.

Source: the section code of the MIMIC-CXR repository (MIT-LCP/mimic-cxr, ``txt/``), whose rules
are stated here in our own words. A header is the start of a line that begins with a space and holds
capitals, spaces and ``( ) / , -`` up to a colon with white space after it; the first line has none.
Of several sections of one name the last holds; empty findings and impressions are none; where
neither is left, what follows the first blank line of the last section is the ``last_paragraph``.

Of 54 reports the authors told by hand what is to be read; that is their ``last_paragraph`` here, in
the place of findings and impression.
"""

from __future__ import annotations

import re

_HEADER = re.compile(r"\n ([A-Z ()/,-]+):\s")
_BLANK = "\n \n"
_REPORT = ("findings", "impression")

_SPELLINGS: dict[str, str] = {
    "comparison": "reference exam; comparision; comparisions; comparsion; comparrison",
    "examination": "exam; type of examination",
    "findings": "finding; findins; findindgs; findgings; findngs; findnings; finidngs",
    "history": "clinical information; pfi",
    "impression": "conclusion; impresson; imprression; imoression; impressoin; imprssion; "
    "impresion; imperssion; mpression; impession; ndication",
    "indication": "reason for examination; reason for exam; clinical indication; idication",
    "recommendations": "recommendation; recommendation(s)",
    "wet read": "wetread",
}
_NAMES = {said: name for name, all_said in _SPELLINGS.items() for said in all_said.split("; ")}
_CONTAINED = ("impression", "findings", "history", "comparison", "addendum")
_VIEWS = re.compile(
    "chest|portable|pa and lat|lateral and pa|ap and lateral|lateral and ap|frontal and|two views"
    "|frontal view|pa view|ap view|one view|lateral view|bone window|frontal upright"
    "|frontal semi-upright|ribs"
)
"""Headers that describe the whole examination; what follows them are findings."""

_HAND_NAMED: dict[str, str] = {
    "examination": "59363654 53356173 50743547 59215320 55157853",
    "history": "51491012",
    "indication": "57936451 50058765 51966317 55124749 54365831 54654948",
    "note": "56451190",
    "recommendations": "50913680 59768032 59067458 59087630 58157373 56482935 58375018",
    "technique": "59279892 53202765 50808053",
}
_HAND_SECTION = {study: name for name, all_of in _HAND_NAMED.items() for study in all_of.split()}
"""Study → the section that holds what another says elsewhere."""

_HAND_CUT = (
    "50525523 201 349; 57564132 233 554; 59982525 313 717; 53488209 149 475; 54875119 234 988; "
    "50196495 59 399; 56579911 59 218; 52648681 292 631; 59889364 172 453; 53514462 73 377; "
    "59505494 59 450; 53182247 59 412; 51410602 47 320; 56412866 522 822; 54986978 59 306; "
    "59003148 262 505; 57150433 61 394; 56760320 219 457; 59562049 158 348; 52674888 145 296; "
    "55258338 192 568; 59330497 140 655; 52119491 179 454; 58235663 0 0; 50798377 0 0; "
    "54168089 0 0; 53071062 0 0; 56724958 0 0; 54231141 0 0; 53607029 0 0; 52035334 0 0"
)
_HAND_RANGE = {
    study: slice(int(start), int(end))
    for study, start, end in (entry.split() for entry in _HAND_CUT.split("; "))
}
"""Study → the characters that hold it; none of some, which say nothing of the image."""


def sections(report: str, study: str = "") -> dict[str, str]:
    """The sections of a report by name, white space evened out, in the order they are found.

    Args:
        report: the text as it is in the file.
        study: the study's number, for the reports that were read by hand.
    """
    text = report.replace("\r\n", "\n").replace("\r", "\n") if "\r" in report else report
    parts = [(n, t) for n, t in _cut(text) if n not in _REPORT or t.strip()]
    found = dict(parts)
    if not found.keys() & set(_REPORT):
        name, last = parts[-1]
        head, blank, rest = last.partition(_BLANK)
        if blank:
            found[name] = head
            found["last_paragraph"] = rest
    if study in _HAND_RANGE or study in _HAND_SECTION:
        found = _by_hand(text, study, found)
    evened = ((name, " ".join(text.split())) for name, text in found.items())
    return {name: text for name, text in evened if text}


def named(header: str) -> str:
    """The name of a section from its header: one name for its spellings."""
    plain = header.lower().strip()
    if plain in _NAMES:
        return _NAMES[plain]
    for word in _CONTAINED:
        if word in plain:
            return word
    return "findings" if _VIEWS.search(plain) else plain


def _cut(text: str) -> list[tuple[str, str]]:
    """(name, text) of each section; before the first header is the preamble."""
    match = _HEADER.search(text)
    if match is None:
        return [("full report", text)]
    parts = [("preamble", text[: match.start(1)])]
    while match:
        start = match.end()
        # The search goes on behind the line: a second header on it is not seen.
        following = _HEADER.search(text, max(text.find("\n", start), start))
        end = following.start() if following else len(text)
        parts.append((named(match[1]), text[start:end]))
        match = following
    return parts


def _by_hand(text: str, study: str, found: dict[str, str]) -> dict[str, str]:
    named_so = found.get(_HAND_SECTION.get(study, ""), "")
    told = text[_HAND_RANGE[study]] if study in _HAND_RANGE else named_so
    others = {name: text for name, text in found.items() if name not in _REPORT}
    return {**others, "last_paragraph": told}
