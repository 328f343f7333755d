"""The words that end a clause, deny, doubt, or deny a finding without naming it.

Tables of regular expressions for ``labels``, all matched against lower-case text. They follow the
negation and uncertainty rules of the field's labelers (NegEx, Irvin et al. 2019) in a short form.
"""

from __future__ import annotations

import re

SENTENCE = re.compile(r"(?<!\d)\.|\.(?!\d)|[;!?]|\n\s*\n")
TURN = re.compile(
    r"\b(?:but|however|although|though|while|whereas|except(?: for)?|apart from|aside from"
    r"|other than|otherwise)\b|,\s*(?:and\s+)?(?=with\b|which\b)"
)
_DEGREE = r"small|mild|moderate|large|severe|trace|tiny|minimal|subtle|slight|stable|persistent"
_START = rf"there|the|a|an|it|this|these|lungs?|heart|cardiac|mediastin\w+|bones?|{_DEGREE}"
# A comma or "and" before one of these opens a statement of its own.
NEW_CLAUSE = re.compile(
    rf",\s*(?:and\s+)?(?=(?:{_START}|new|right|left|bilateral)\b)|\band\s+(?=(?:{_START})\b)"
)
VERB = re.compile(r"\b(?:is|are|was|were|has|have|appears?|remains?|shows?|seen|noted)\b")

# Look like a denial and are none.
NO_CHANGE = re.compile(
    r"\bno (?:\w+ ){0,2}?(?:change|increase|decrease|enlargement of)\b|\bunchanged\b"
    r"|\bnot (?:\w+ )?(?:changed|increased|decreased)\b|\bnot only\b|^\s*no,"
)
# A denial of a denial is a doubt.
CANNOT = re.compile(
    r"\b(?:can ?not|can't|could not|not|difficult to|never)(?: be)?(?: \w+)? "
    r"(?:exclud\w+|ruled? out)"
)
NEGATION = re.compile(
    r"\b(?:no|not|without|nor|neither|negative for|clear of|free of|free from|absence of|lack of"
    r"|resolution of|resolved|rules? out|excludes?|exclude[sd]?|rather than)\b"
)
DOUBT = re.compile(
    r"\b(?:possib(?:le|ly)|may|might|could|questionable|question of|suspect(?:ed)?|suspicio\w+"
    r"|concern(?:ing)?(?: for)?|potential(?:ly)?|equivocal|uncertain|versus|vs|suggest\w*)\b"
)
# Between a mention and what is said of it afterwards no other statement may begin.
_FILLER = r"^(?:(?!\b(?:is|are|was|were|has|have|there|shows?|with|without|no)\b).)*?"
_BE = r"\b(?:is|are|was|were|has|have|can|could)\b(?: been| be| also)?"
_SEEN = r"(?:seen|present|identified|visible|visuali[sz]ed|demonstrated|evident|detected|noted)"
AFTER_NEGATION = re.compile(
    rf"{_FILLER}(?:{_BE} (?:not|no longer|absent|resolved|excluded|ruled out|removed"
    rf"|unlikely|negative)\b|\bnot {_SEEN}\b"
    r"|\babsent\b|\bresolved\b|[:\-] *(?:no|none|negative)\s*$)"
)
AFTER_DOUBT = re.compile(
    rf"{_FILLER}(?:\b(?:may|might|could) be (?:{_SEEN}|considered)"
    rf"|{_BE} (?:possible|suspected|questionable|uncertain|equivocal)\b"
    r"|\b(?:is|are) an? (?:possibility|concern)\b|\b(?:versus|vs)\b)"
)
# ``labels`` writes a NUL where CANNOT was found.
AFTER_CANNOT = re.compile(rf"{_FILLER}(?:\b(?:is|are) )?\x00")

_HEART = r"(?:heart|cardiac silhouette|cardiac size|cardiac contours?|cardiomediastinal \w+)"
_NORMAL = r"(?<!of )(?<!not )(?:normal|unremarkable)"
_LUNG_NAMES = ("Atelectasis", "Consolidation", "Edema", "Lung Lesion", "Lung Opacity", "Pneumonia")
# Phrases that deny findings without naming them.
IMPLIED: tuple[tuple[re.Pattern[str], tuple[str, ...]], ...] = tuple(
    (re.compile(pattern), names)
    for pattern, names in (
        (
            r"(?<!right )(?<!left )\blungs?\b(?: (?!not)\w+){0,6} clear\b(?! (?:of|from))"
            r"|\bclear lungs\b",
            _LUNG_NAMES,
        ),
        (
            r"\bcostophrenic (?:angles?|sulci)(?: (?!not)\w+){0,3} (?:sharp|clear|preserved)\b",
            ("Pleural Effusion",),
        ),
        (
            rf"\b{_HEART}(?: (?!not)\w+){{0,6}}? {_NORMAL}\b|\b{_NORMAL}(?: \w+)? {_HEART}"
            rf"|\bcardiac\b[\w, ]{{0,40}} contours? (?:is|are) {_NORMAL}",
            ("Cardiomegaly",),
        ),
        (
            rf"\b(?:cardio)?mediastin\w+(?: (?!not)\w+){{0,5}}? {_NORMAL}\b"
            rf"|\b{_NORMAL}(?: \w+)? (?:cardio)?mediastin\w+",
            ("Enlarged Cardiomediastinum",),
        ),
        (r"\b(?:bones|ribs|bony thorax)(?: (?!not)\w+){0,4} intact\b", ("Fracture",)),
    )
)
_PICTURE = r"(?:radiograph|x-?ray|image|study|chest|examination|film)"
_OVERALL = (
    r"(?:acute|active|focal|significant|definite|visible|an|any|of|signs?|evidence"
    r"|cardiopulmonary|intrathoracic)"
)
# What calls the whole image normal, and what calls it abnormal.
NOTHING = re.compile(
    rf"\b(?:no|without|nothing)(?: {_OVERALL})* (?:abnormal(?:ity|ities)?|disease|process)\b"
    r"|\bno (?:abnormal |acute )?findings?\b"
    rf"|\b{_PICTURE}(?: (?:is|appears|looks|are))? {_NORMAL}\b|\b{_NORMAL} (?:chest )?{_PICTURE}"
)
SOMETHING = re.compile(r"\babnormal(?:ity|ities)?\b")
