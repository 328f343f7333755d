"""Which findings a sentence affirms, denies or leaves open: a lexical reader.

Clause by clause, with negation and doubt in reach of the names they govern. It reads what this
package's tasks write and plain radiology prose; it is not CheXbert, and figures made with it are
called lexical.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import cache

from radvlm.records import Status
from radvlm.vocabulary import CHEXPERT_13, DEVICES, NO_FINDING, SUPPORT_DEVICES

SYNONYMS: dict[str, tuple[str, ...]] = {
    "Atelectasis": ("atelectasis", "atelectatic", "volume loss", "collapse"),
    "Cardiomegaly": (
        "cardiomegaly",
        r"(?:enlarged (?:heart|cardiac silhouette)|(?:heart|cardiac silhouette)"
        r"(?: size)? is (?:mildly |moderately |markedly |severely )?enlarged)",
    ),
    "Consolidation": ("consolidation", "consolidations", "consolidated"),
    "Edema": ("edema", "oedema", "vascular congestion"),
    "Enlarged Cardiomediastinum": (
        "enlarged cardiomediastinum",
        "widened mediastinum",
        "mediastinal widening",
        r"mediastinum is (?:mildly |moderately |markedly )?(?:widened|enlarged)",
    ),
    "Fracture": ("fracture", "fractures", "fractured"),
    "Lung Lesion": ("lung lesion", "lesion", "lesions", "nodule", "nodules", "mass", "masses"),
    "Lung Opacity": ("lung opacity", "opacity", "opacities", "opacification", "airspace disease"),
    "Pleural Effusion": ("effusion", "effusions", "pleural fluid"),
    "Pleural Other": ("pleural other", "pleural thickening", "pleural plaque", "pleural plaques"),
    "Pneumonia": ("pneumonia", "pneumonias"),
    "Pneumothorax": ("pneumothorax", "pneumothoraces"),
    SUPPORT_DEVICES: ("support devices", "support device", "device", "devices"),
    "pacemaker": ("pacemaker", "pacemaker leads"),
    "port": ("port", "port catheter"),
    "central line": ("central line", "central venous line", "central venous catheter"),
    "endotracheal tube": ("endotracheal tube", "et tube"),
    "chest drain": ("chest drain", "chest tube"),
    "sternal wires": ("sternal wires", "sternotomy wires"),
    "Tuberculosis": ("tuberculosis", "tb", "ptb"),
    "COVID-19": ("covid-19", "covid"),
    NO_FINDING: ("no finding",),
}
"""Name → regular expressions of the ways it is written, matched as whole words, in any case."""

NORMAL: dict[str, tuple[str, ...]] = {
    "Cardiomegaly": (
        r"(?:heart|cardiac silhouette)(?: size)? is (?:normal|not enlarged)(?: in size)?",
        r"(?:normal heart size|heart of normal size)",
    ),
    "Enlarged Cardiomediastinum": (
        r"mediastinum is (?:normal|not widened|unremarkable)",
        r"mediastinal contours? (?:is|are) (?:normal|unremarkable)",
    ),
    "Lung Opacity": (r"lungs are clear",),
    "Consolidation": (r"lungs are clear",),
    "Fracture": (r"bones are (?:intact|unremarkable)",),
}
"""Name → phrases that deny it without naming it."""

LEXICON: tuple[str, ...] = (
    *CHEXPERT_13,
    *DEVICES,
    "Infiltration",
    "Emphysema",
    "Fibrosis",
    "Hernia",
    "Pleural Thickening",
    "Tuberculosis",
    "COVID-19",
)
"""Every name that is looked for in prose."""

_DENIAL = re.compile(
    r"\b(?:no|not|without|absent|negative for|free of|clear of|never|neither|nor|unlikely|"
    r"resolved|excluded|isn't|rules? out|ruled out)\b"
)
_DENIED_AFTER = re.compile(
    r"^[\w ,]{0,40}?\b(?:(?:is|are|was|were) (?:not (?:seen|visible|present|identified|evident|"
    r"enlarged|widened)|absent|excluded|ruled out|resolved)|not (?:seen|visible|present))\b"
)
_DOUBT = re.compile(
    r"\b(?:possible|possibly|may|might|could|cannot be excluded|cannot exclude|suspected|"
    r"questionable|likely|probable|probably|suspicious for)\b"
)
_CLAUSE = re.compile(
    r"[.;:\n!?]+|,?\s*\b(?:but|however|although|though|yet|with the exception of)\b"
)


def read_labels(text: str, names: Iterable[str]) -> dict[str, Status]:
    """Status of each of the ``names`` the text speaks of, in the order of ``names``.

    A later mention overrides an absent one only if it affirms; where clauses disagree, present
    wins over uncertain, uncertain over absent.
    """
    strength = {"absent": 0, "uncertain": 1, "present": 2}
    clauses = [clause for clause in _CLAUSE.split(text.lower()) if clause.strip()]
    found: dict[str, Status] = {}
    for name in names:
        said = [status for clause in clauses if (status := _in_clause(clause, name))]
        if said:
            found[name] = max(said, key=strength.__getitem__)
    return found


def _in_clause(clause: str, name: str) -> Status | None:
    mention = _pattern(name).search(clause)
    if mention is None:
        denied = any(re.search(rf"\b{phrase}\b", clause) for phrase in NORMAL.get(name, ()))
        return "absent" if denied else None
    before, after = clause[: mention.start()], clause[mention.end() :]
    denied = bool(_DENIAL.search(before)) or bool(_DENIED_AFTER.match(after))
    if re.search(r"cannot (?:be )?exclude", clause):
        return "uncertain"
    if denied:
        return "absent"
    return "uncertain" if _DOUBT.search(clause) else "present"


@cache
def _pattern(name: str) -> re.Pattern[str]:
    ways = SYNONYMS.get(name, ()) or (re.escape(name.lower()),)
    return re.compile(rf"(?<![\w-])(?:{'|'.join(ways)})(?![\w-])")
