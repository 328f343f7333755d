"""The words that end a clause, deny, doubt, or deny a finding without naming it.

Tables of regular expressions for ``labels``, all matched against lower-case text. They follow the
negation and uncertainty rules of the field's labelers (NegEx, Irvin et al. 2019) in a short form.
"""

from __future__ import annotations

import re

SENTENCE = re.compile(r"(?<!\d)\.|\.(?!\d)|[;!?]|\n\s*\n")
_GOES_ON = r"(?<!consistent )(?<!compatible )(?<!keeping )(?<!associated )(?<!correlate )(?<!line )"
TURN = re.compile(
    r"\b(?:but|however|although|though|while|whereas|because|except(?: for)?|apart from"
    r"|with the exception of|aside from|other than|otherwise)\b"
    rf"|,\s*(?:and\s+)?(?=with\b|which\b)|{_GOES_ON}\bwith(?= (?!no\b|regard|respect))"
)
_DEGREE = r"small|mild|moderate|large|severe|trace|tiny|minimal|subtle|slight|stable|persistent"
_START = rf"there|the|a|an|it|this|these|lungs?|heart|cardiac|mediastin\w+|bones?|{_DEGREE}"
_PERHAPS = r"possibl[ey]|probabl[ey]|likely|questionable|suspected|unchanged|old|chronic"
# A comma or "and" before one of these opens a statement of its own.
NEW_CLAUSE = re.compile(
    rf",\s*(?:and\s+)?(?=(?:{_START}|{_PERHAPS}|new|right|left|bilateral)\b)"
    rf"|\band\s+(?=(?:{_START})\b)"
)
VERB = re.compile(r"\b(?:is|are|was|were|has|have|appears?|remains?|shows?|seen|noted)\b")

_NOT = r"(?:not|cannot|n't|never)"
_PARTLY = r"(?:near(?:ly)?|almost|partial(?:ly)?|incomplete(?:ly)?|not|mostly|largely)"
# Look like a denial and are none.
NO_CHANGE = re.compile(
    r"\b(?:no|without)(?: an?)? (?:\w+ ){0,3}?(?:changes?|increase|decrease|worsening|progression"
    r"|enlargement of|improvement)\b(?! of)"
    r"|\b(?:no|without)(?: an?)? (?:\w+ ){0,2}?(?:prior|previous|comparison)\b(?! \w+ (?:is|are)\b)"
    r"|\bunchanged\b|\bnot (?:\w+ ){0,2}?(?:changed|increased|decreased)\b|\bnot only\b|^\s*no,"
    rf"|\b{_PARTLY}[ -](?:complete(?:ly)? |total(?:ly)? |entirely |fully )?"
    r"(?:resol\w+|clear(?:ed|ing)|removed)\b"
    r"|\bnot (?:\w+ )?(?:seen|present|visuali[sz]ed|visible|identified|noted)"
    r" (?:on|in|at) (?:the |an? )?(?:\w+ )?(?:prior|previous|earlier|comparison|old)\b"
)
# A denial of a denial is a doubt.
CANNOT = re.compile(
    rf"(?:\b|(?<=\w)(?=n't)){_NOT}(?:(?: be)?(?: \w+){{0,2}}?) (?:exclud\w+|ruled? out|dismissed)"
    r"|\bcan not (?:be )?(?:\w+ )?(?:exclud\w+|ruled? out)"
    r"|\b(?:difficult|hard|impossible|unable) to (?:\w+ ){0,2}?(?:exclude|rule out)"
)
_SEEN = (
    r"(?:seen|present|identified|visible|visuali[sz]ed|demonstrated|evident|detected|noted|apparent"
    r"|appreciated|suspected|found|shown|observed|recogni[sz]ed|there)"
)
NEGATION = re.compile(
    rf"\b(?:no|without|nor|neither|nothing|negative for|clear of|cleared of|free of|free from"
    r"|absence of|lack of|resolution of|clearing of|clearance of|removal of|rather than|instead of"
    r"|rules out|(?<!to )excludes?|fails? to)\b"
    r"|(?<!\bhas )(?<!\bhave )(?<!\bis )(?<!\bare )(?<!\bbeen )\b(?:resolved|ruled out)\b"
    rf"|(?:\b|(?<=\w)(?=n't)){_NOT}\b"
)
DOUBT = re.compile(
    r"\b(?:possib(?:le|ly)|possibility|may|maybe|might|could|can (?:represent|reflect|indicate)"
    r"|probabl[ey]|likely|perhaps|presum\w+|questionabl[ey]|question(?:ed|s)?(?: of)?"
    r"|suspect(?:ed)?|suspicio(?:us|n) (?:for|of)|(?:raise\w*|some|with|of) (?:\w+ )?suspicion"
    r"|concern(?:ing)?(?: for)?|worrisome for|potential(?:ly)?|equivocal|uncertain|versus|vs"
    r"|suggest\w*|favou?r(?:ed|s)?|consider(?:ations?|ed)?|differential(?: diagnosis)?"
    r"|correlat\w+ (?:\w+ )?(?:for|with)|(?:rule|to exclude|to evaluate|to assess)(?: out)?"
    r"(?: for)?|apparent)\b"
)
# Between a mention and what is said of it afterwards no other statement may begin.
_FILLER = (
    r"^(?:(?!\b(?:is|are|was|were|has|have|do|does|did|there|shows?|with|without|no|which|that"
    r"|can|could|cannot|may|might)\b|n't).)*?"
)
_BE = r"\b(?:is|are|was|were|has|have|can|could)(?: been| be| also| now| since)*"
_WHOLLY = r"(?: (?!not\b|near|almost|partial|incomplete|mostly|largely)\w+){0,2}?"
_NOT_BE = rf"(?:{_BE} not|{_BE}n't|\b(?:cannot|can't|couldn't))(?: be)?"
AFTER_NEGATION = re.compile(
    rf"{_FILLER}(?:{_NOT_BE}(?: \w+){{0,2}}? {_SEEN}\b|\bnot (?:\w+ )?{_SEEN}\b"
    r"|\b(?:do|does|did)(?: not|n't) (?:appear|seem|persist|exist)\b|\bno longer\b"
    r"|\b(?:has|have)(?: not|n't) (?:developed|recurred|formed|reaccumulated|returned)\b"
    rf"|{_BE}{_WHOLLY} (?:no longer|absent|resolved|cleared|gone|disappeared|excluded|ruled out"
    r"|removed|unlikely|negative|taken out)\b"
    r"|\babsent\b|\bresolved\b|\bunlikely\b|[:\-] *(?:no|none|negative|absent)\s*$)"
)
AFTER_DOUBT = re.compile(
    rf"{_FILLER}(?:\b(?:may|might|could) (?:also )?be (?:{_SEEN}|considered)"
    rf"|{_BE} (?:(?:also|again|only) )?(?:possible|suspected|questioned|questionable|uncertain"
    r"|equivocal|likely|probable|considered|suggested|favou?red)\b(?! (?:to|due|related))"
    r"|\b(?:is|are|remains?) an? (?:\w+ )?(?:possibility|concern|consideration)\b"
    r"|\b(?:not confirmed|suspected|questioned)\b"
    r"|, *(?:possibly|probably|perhaps|maybe|equivocal) *(?:,|$))|^[^,]*?\b(?:versus|vs)\b"
)
# ``status`` writes a NUL where CANNOT was found.
AFTER_CANNOT = re.compile(rf"{_FILLER}(?:\b(?:is|are|can|could) )?\x00")

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
