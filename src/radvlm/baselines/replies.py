"""What replies of several baselines have in common: marks around names, boxes and answers."""

from __future__ import annotations

import re

from radvlm.baselines.asks import GROUNDING, Ask

_ENDS = re.compile(r"</?s>|<\|(?:im_end|im_start|endoftext|eot_id)\|>|<end_of_turn>|<eos>")
_THOUGHT = re.compile(r"<think>.*?</think>|<unused94>.*?<unused95>", re.DOTALL)
_BOXED = re.compile(r"\\boxed\{")
_MARK = r"<\s?\|?\s?{}\s?\|?\s?>"
_REFERENCE = re.compile(rf"{_MARK.format('ref')}(.*?){_MARK.format('/ref')}", re.DOTALL)
_OPTION = re.compile(r"\((?:[a-z]|\d{1,2})\)\s*", re.IGNORECASE)
_BOX = re.compile(r"<\s?\|?\s?box\s?\|?\s?>|<box>|box_2d|\[\s*[\d.]+\s*,")


def bare(text: str) -> str:
    """The text without tokens that end a turn and without what was thought before it."""
    return _ENDS.sub("", _THOUGHT.sub("", text)).strip()


def boxed(text: str) -> str:
    r"""What stands in the last ``\boxed{…}``, braces in it matched; all of it where none does."""
    found = list(_BOXED.finditer(text))
    if not found:
        return text
    start = found[-1].end()
    depth = 1
    for end in range(start, len(text)):
        depth += {"{": 1, "}": -1}.get(text[end], 0)
        if depth == 0:
            return text[start:end].strip()
    return text[start:].strip()


def referred(text: str) -> str:
    """``<|ref|>name<|/ref|><|box|>…`` as ``name at <|box|>…``, one sentence a name."""
    return (
        _REFERENCE.sub(lambda match: f"; {match[1].strip()} at ", text).removeprefix("; ").strip()
    )


def options(text: str) -> str:
    """Without the letters of the options that were offered: ``(a) Yes`` is ``Yes``."""
    return _OPTION.sub("", text).strip()


def pointed(ask: Ask, text: str) -> str:
    """What is said where one thing is; a phrase that is repeated without a place denies it."""
    repeated = text.strip(" .").lower() == ask.about.strip(" .").lower()
    if ask.kind in GROUNDING and repeated and not _BOX.search(text):
        return f"Not visible: {text}"
    return text
