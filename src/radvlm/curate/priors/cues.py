"""Words that tell of another examination, in groups by what an edit makes of them.

All patterns are matched without regard to letter case. ``EXAM`` is what is compared with; "prior"
before anything else (a mastectomy, an infection) tells what one image shows and is no mention.
"""

from __future__ import annotations

import re

_I = re.IGNORECASE

_KIND = (
    r"(?:exam(?:ination)?s?|stud(?:y|ies)|radiographs?|films?|images?|imaging|x-?rays?|ct|mri|pet"
    r"|scans?|tomograms?|ultrasounds?|comparisons?|reports?|ones?|views?)"
)
_WHEN = r"(?:prior|previous|earlier|last|preceding|old|comparison|recent|outside|remote|xxxx)"
# "the most recent prior chest CT of XXXX"
EXAM = (
    rf"(?:the |a |an |any |his |her |that |of )*"
    rf"(?:(?:most|immediate(?:ly)?|multiple|several|two)\s)?"
    rf"(?:{_WHEN},?\s)*(?:{_WHEN}(?:\s(?:chest|pa|ap|portable|outside|thoracic|abdominal)){{0,2}}"
    rf"(?:\s{_KIND})?|{_KIND})"
    r"(?:\s(?:of|from|dated|on|performed|obtained)\s(?:the\s)?[\w/.-]+(?:\s(?:and|xxxx)\b)*)?"
)
_BY = (
    r"(?:as\s|when\s)?(?:compared\s(?:to|with)|in\scomparison\s(?:to|with)|comparing\s(?:to|with)"
    r"|relative\sto|since|from|than|to|with|as)"
)
_MUCH = (
    r"(?:(?:very|slightly|mildly|somewhat|significantly|substantially|grossly|relatively|largely"
    r"|essentially|overall|otherwise|clinically|markedly|minimally|moderately|not|in)\s)*"
)
_SAME = (
    r"(?:unchanged|stable|similar|the\ssame|constant|not\s(?:\w+\s)?changed"
    r"|without\s(?:\w+\s)?(?:interval\s)?change|no\s(?:\w+\s)?change)"
)
_ASPECT = (
    r"(?:\s(?:in|of)\s(?:the\s)?(?:position(?:ing)?|appearance|size|configuration|extent|degree"
    r"|caliber|contour|interval|number|severity|location)(?:\sand\s\w+)?)?"
)
_MORE = (
    r"(?:increas(?:ed|ing)|decreas(?:ed|ing)|improv(?:ed|ing)|worsen(?:ed|ing)|progress(?:ed|ing)"
    r"|enlarg(?:ed|ing)|diminished|regressed|cleared|developed|larger|smaller|better|worse)"
)

DROPPED = re.compile(
    r"\b(?:no|without)\s(?:prior|previous|old)?\s?(?:\w+\s)?comparisons?\b"
    r"|\b(?:is|are)\s(?:no\s)?available\s(?:for|to)\s(?:comparison|evaluate)"
    r"|\bif\b.*\b(?:prior|previous|old)\b.*\b(?:available|films?|studies|comparison)\b"
    r"|\binterval\s(?:\w+\s)?(?:removal|extubation)\b"
    r"|\b(?:has|have)\sbeen\s(?:\w+\s)?(?:removed|removal)\b"
    r"|\bfollow(?:-|\s)?up\b.*\b(?:could|should|may|can|might)\sbe\b"
    r"|^\s*(?:recommend|suggest|advise|please)\w*\b.*\bfollow(?:-|\s)?(?:ed\s)?up\b"
    r"|\bfollow(?:-|\s)?(?:ed\s)?up\b.*\b(?:recommended|advised|suggested|history)\b"
    r"|^\s*comparisons?\s?(?::|is|was|with|to|made)"
    r"|\b(?:discussed|communicated|reviewed)\s(?:with|to)\b|\bnotified\b",
    _I,
)
"""A sentence with one of these tells nothing of this image, or is advice: it goes."""

GONE = re.compile(
    rf"^(?P<what>.*?)\s(?:(?:has|have)\s{_MUCH}(?:been\s)?(?:completely\s|since\s)*resolved"
    rf"|(?:is|are)\s(?:now\s)?(?:no\slonger\s(?:seen|present|visuali[sz]ed|identified|evident|visible)"
    rf"|resolved)|(?:has|have)\scleared)\b(?P<rest>.*)$"
    rf"|^(?:(?:there\s(?:is|has\sbeen)\s)?(?:interval\s|complete\s|near\s)*(?:resolution|clearing)\sof"
    rf"\s(?:the\s)?)(?P<other>.*)$",
    _I,
)
"""What is said to be gone: it is denied instead."""

CLAUSES = tuple(
    re.compile(pattern, _I)
    for pattern in (
        # "Compared to the study of three days ago, …"
        r"^\s*(?:as\s|when\s)?(?:compared|in\scomparison)\s(?:to|with)\s[^,]*,",
        # ", slightly increased compared to prior", "more prominent than on the prior exam"
        rf",?\s(?:(?:is|are|appears?|has|have)\s)*{_MUCH}(?:been\s)?(?:more|less|{_MORE})"
        rf"(?:\s\w+)?\s(?:(?:as\s|when\s)?(?:compared\s(?:to|with)|than|since|from))"
        rf"\s(?:on\s|in\s|at\s)?{EXAM}(?=[,.;]|$)",
        # ", which was not present on the prior study"
        rf",?\s(?:which|that)\s[^,.;]*?\b(?:on|in|from|since|than|to)\s{EXAM}(?=[,.;]|$)",
        rf",?\s(?:which|that)\s(?:is|are|was|were|appears?|has|have|remains?)\s{_MUCH}"
        rf"(?:been\s)?(?:{_SAME}|{_MORE}){_ASPECT}(?:\s{_BY}\s{EXAM})?(?=[,.;]|$)",
        # "and were present on prior CT", "but appears increased from the XXXX study"
        rf",?\s(?:and|but)\s(?:(?:is|are|was|were|appears?|has|have|seems?)\s)+[^,.;]*?"
        rf"\b(?:on|from|since|than|to)\s{EXAM}(?=[,.;]|$)",
        rf",?\s(?:and|but)\s(?:(?:is|are|appears?|has|have|remains?)\s)*{_MUCH}{_SAME}{_ASPECT}"
        rf"(?:\s{_BY}\s{EXAM})?(?=[,.;]|$)",
        # ", unchanged from the prior study", "(stable since 2012)"
        rf"[,(]?\s?\b{_MUCH}{_SAME}{_ASPECT}\s{_BY}\s{EXAM}\)?",
        rf",\s{_MUCH}{_SAME}{_ASPECT}(?=[,.;]|$)",
        # "as compared to the previous examination", "since the last film"
        rf",?\s?\b(?:as\s|when\s)?(?:compared|in\scomparison)\s(?:to|with)\s{EXAM}",
        rf",?\s(?:since|from)\s{EXAM}(?=[,.;]|$)",
        rf",?\s?(?:as\s)?(?:seen|noted|present|identified|described|demonstrated|visuali[sz]ed)?"
        rf"\s?\b(?:on|in)\s(?:the\s)?{_WHEN}\s(?:\w+\s){{0,2}}?{_KIND}\b",
        # "stable since 2012 and 2014", with the years taken out of the text
        rf",?\s?\b{_MUCH}{_SAME}{_ASPECT}\ssince\s(?:at\s)?(?:xxxx|\d{{4}})"
        rf"(?:,?\s(?:and\s)?(?:xxxx|\d{{4}}))*",
        r",?\sas\s(?:before|previously)\b",
        # advice
        r",?\s(?:however,?\s|and\s|but\s)?(?:would\s)?(?:recommend|suggest|advise)\s"
        r"(?:\w+\s){0,2}?comparison\b.*$",
        r",?\s(?:and|but|for\swhich)?\s?(?:would|should|may|could|can)\s(?:benefit\sfrom|be)\s"
        r"(?:\w+\s){0,2}?follow(?:-|\s)?(?:ed\s)?up(?:\sat\s\w+)?",
        r",?\s(?:and|but|for\swhich)?\s?follow(?:-|\s)?up\s[^,.;]*?(?:recommended|advised|suggested)",
    )
)
"""Parts of a sentence that go with all they say."""

_DEGREE = r"(?:(?:apparent|slight|mild|marked|significant|some|minimal)\s)*"
_COURSE = (
    r"(?:increase|decrease|improvement|worsening|progression|development|change|placement"
    r"|insertion|enlargement|clearing|appearance)\s(?:of|in)\s(?:the\s)?(?:size\sof\s(?:the\s)?)?"
)
_THERE = r"(?:there\s(?:is|are|has\sbeen|have\sbeen)\s)"
_NO_CHANGE = r"(?:no|little|without)\s(?:\w+\s){0,3}?changes?"
_SIDE = r"(?:(?:left|right|bilateral|bibasilar|basilar|basal|\w+al|\w+ar)\s){0,2}"
_THING = (
    r"(?:atelecta\w+|effusions?|fullness|consolidations?|edema|congestion|infiltrates?|scarring"
    r"|pneumothora\w+|cardiomegaly|thickening)\b"
)
"""What is not there by degrees of itself: more of it is said in comparison. Density, markings and
volumes may well be increased on one image alone."""
_SEEN = r"(seen|noted|demonstrated|identified|visuali[sz]ed)"

CHANGED = tuple(
    (re.compile(pattern, _I), instead)
    for pattern, instead in (
        # First, or a denied change would deny what did not change.
        (rf"\b{_THERE}?{_NO_CHANGE}\s(?:of|in)\s(?:the\s)?", ""),
        (rf"\b{_NO_CHANGE}\b(?:\sand\b)?", ""),
        (rf"\b{_THERE}(?:a\s|an\s)?{_MUCH}{_DEGREE}interval\s(?:\w+\s)??{_COURSE}", "there is "),
        (rf"\b{_DEGREE}interval\s(?:\w+\s)??{_COURSE}", ""),
        (rf"\b{_THERE}?(?:re-?demonstration|persistence)\sof\s", ""),
        (
            r"\b(?:increase|decrease|improvement|worsening)\sin\s(?:the\s)?(?:size\sof\s(?:the\s)?)?",
            "",
        ),
        (rf"\b{_MUCH}(?:in|de)creased\s(?={_SIDE}{_THING})", ""),
        (r"\bwe\sagain\s(?:note|see|identify)\s", ""),
        (rf"\bagain\s{_SEEN}\s(is|are)\b", r"there \2"),
        (rf"\b(is|are)\s(?:once\s)?again\s{_SEEN}\b", r"\1 \2"),
        (
            rf"\b(?:has|have)\s{_MUCH}(?:been\s)?{_MORE}(?:\sin\s(?:size|extent|degree))?\b",
            "is present",
        ),
        (
            rf"\b(?:is|are|appears?)\s{_MUCH}(?:larger|smaller|better|worse|increased|decreased"
            r"|improved)(?:\sin\s(?:size|extent|degree))?(?=\s*[,.;]|$|\snow\b)",
            "is present",
        ),
        (r"\bremains?\s(?:unchanged|stable)\b", ""),
        (r"\bremains\b", "is"),
        (r"\bremain\b", "are"),
        (r"\bpersists?\b", "is present"),
        (rf"\b(?:is|are|appears?)\s{_MUCH}{_SAME}{_ASPECT}(?=\s*[,.;]|$|\swith\b)", ""),
        (rf"\b{_MUCH}(?:unchanged|stable)\sin\s(?:position|appearance|size)\b", ""),
    )
)
"""What is put in other words: pattern and replacement, tried in this order."""

WORDS = re.compile(
    r"\b(?:once\s)?again\b|\b(?:un)?changed\b(?!\sfrom\s\w+ectomy)|\bunchanged\b"
    r"|\b(?:fairly\s|relatively\s|grossly\s|essentially\s|overall\s)?stable\b"
    r"|\bcontinued\b|\bpersistent(?:ly)?\b|\bnew(?:ly)?\b|\bnow\b|\bstill\b|\brecurrent\b"
    r"|\b(?:interval|slightly\simproved|improved|improving|worsened|worsening|progressive(?:ly)?)\b"
    r"|\b(?:slowly\s|rapidly\s)?(?:increasing|decreasing|resolving|evolving|enlarging)\b"
    r"|\bresidual(?:s)?(?:\sfrom)?\b|\bpreviously\s(?:seen|noted|described|identified|demonstrated"
    r"|mentioned|visuali[sz]ed|reported)\b|\bpreviously\b|\bredemonstrated\b|\bre-?identified\b"
    r"|\bsimilar\sto\s(?:the\s)?(?:prior|previous)\b|\bremaining\b(?!\s(?:\w+\s)?(?:osseous|bon|lung"
    r"|structure|visuali|soft|skelet|of\sthe|portion|part|mediast|rib))"
    r"|^\s*similar\s(?:exam\w*|study|appearance|findings)?\s?(?:with|of|to)?\b",
    _I,
)
"""Words that go and leave the rest as it is."""

MENTIONS = re.compile(
    rf"{WORDS.pattern}|\b(?:compar(?:ed|ison|isons|ing))\b|\bsince\b|\bno\slonger\b"
    rf"|\b(?:prior|previous|earlier|preceding)\s(?:\w+\s){{0,2}}?{_KIND}\b|\bprevious\b"
    rf"|\b(?:is|are|appears?)\s{_MUCH}(?:larger|smaller|better|worse)\b"
    r"|\bresol(?:ved|ution|ving)\b|\bremains?\b|\bpersists?\b|\bredemonstration\b"
    rf"|\b(?:has|have)\s{_MUCH}(?:been\s)?{_MORE}\b|\bno\s(?:\w+\s){{0,2}}?change\b"
    r"|\bfollow(?:-|\s)?(?:ed\s)?up\b"
    rf"|\b{_MORE}\s(?:from|since|in\ssize\sfrom|compared)\b",
    _I,
)
"""What the checker counts as a mention."""
