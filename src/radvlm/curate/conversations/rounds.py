"""Kinds of rounds beyond those of ``tasks.dialogue``: each asks for, and says, what is known.

Every reply comes with its target, and reads back as that target by the task's own reader. A kind
that the study has no truth for gives nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from radvlm.records import Answer, Status
from radvlm.tasks.asking import ENOUGH, exchange
from radvlm.tasks.definitions import DEFINITIONS
from radvlm.tasks.dialogue import Round, Writer
from radvlm.tasks.facts import WHERE_REGION, read_facts
from radvlm.tasks.lexicon import GENERAL, spoken, with_article
from radvlm.tasks.wording import Phrasing, listed, plain
from radvlm.vocabulary import DEVICES, NO_FINDING, SUPPORT_DEVICES

LUNGS = ("Atelectasis", "Consolidation", "Edema", "Lung Lesion", "Lung Opacity", "Pneumonia")
"""All of these are denied by "the lungs are clear"."""

_NORMAL = Phrasing(
    "Does this image look normal?", "Is this a normal radiograph?", "Does it look all right?"
)
_NORMAL_YES = Phrasing("Yes, the image looks normal.", "Yes, I see no abnormality.")
_NORMAL_NO = Phrasing("No, I see {}.", "There are findings: {}.", "No, the image shows {}.")
_SEX = Phrasing("Is the patient male or female?", "Is this a woman or a man?")
_SEX_REPLY = Phrasing("This is the image of a {}.", "The patient appears to be a {}.")
_LUNGS = Phrasing("Are the lungs clear?", "How do the lungs look?", "And the lungs?")
_LUNGS_REPLY = Phrasing("The lungs are clear.", "Both lungs appear clear.", "I see clear lungs.")
_BONES = Phrasing("How do the bones look?", "Are the bones intact?", "And the ribs?")
_BONES_REPLY = Phrasing("The bones are intact.", "The bones appear intact.", "I see no fracture.")
_EITHER = Phrasing("Is there {}?", "Do you see {}?", "Can you see {} on this image?")
_NEITHER = Phrasing("No, I see neither {}.", "No, there is neither {}.")
_ONE = Phrasing("There {is} {}.", "I see {}.", "The image shows {}.")
_MAYBE = Phrasing(
    "There may be {}, but I cannot be sure.",
    "Possibly: the image could show {}.",
    "It is possible that there {is} {}.",
)
_ELSE = Phrasing("Is there anything else?", "Do you see anything else?", "Anything else?")
_ALSO = Phrasing("Yes, I also see {}.", "Yes, there {is} also {}.", "Yes, the image also shows {}.")
_NO_MORE = Phrasing("No, I see nothing else.", "No, nothing else stands out.", "No, that is all.")
_THAT = Phrasing("What does that mean?", "Can you explain that word?", "What is meant by that?")
_MEANING = Phrasing("What does {} mean?", "What is {}?", "Could you explain what {} {is}?")
_BACK = Phrasing(
    "You mentioned {}.",
    "Let us go back to the {}.",
    "About the {}:",
    "I would like to ask about {}.",
)
_IN_FULL = Phrasing(
    "Can you describe the image in full?",
    "Please describe everything you see.",
    "Could you go through the image for me?",
    "Describe what you see in detail, please.",
)


class Kinds:
    """Rounds about one view; the plain ones are ``writer``'s."""

    def __init__(self, writer: Writer) -> None:
        self.writer, self.rng = writer, writer.rng
        self.statuses = writer.statuses

    def named(self, status: Status) -> list[str]:
        """The findings of a status, devices and "No Finding" left out."""
        both = self.writer.findings_only.items()
        return [name for name, known in both if known == status and name != NO_FINDING]

    def normal(self) -> Iterator[Round]:
        """Whether the image is normal."""
        found = self.named("present")
        if found:
            reply = _NORMAL_NO.say(self.rng, listed([with_article(name) for name in found]))
            yield self._round(_NORMAL, reply, dict.fromkeys(found, "present"))
        elif self.writer.nothing:
            yield self._round(_NORMAL, _NORMAL_YES.say(self.rng), {NO_FINDING: "present"})

    def sex(self) -> Iterator[Round]:
        """Whose image it is; no fact that is scored."""
        if word := {"F": "woman", "M": "man"}.get(self.writer.study.sex or ""):
            yield self._round(_SEX, _SEX_REPLY.say(self.rng, word), {})

    def organs(self) -> Iterator[Round]:
        """Lungs that are clear, bones that are intact."""
        if all(self.statuses.get(name) == "absent" for name in LUNGS):
            reply = _LUNGS_REPLY.say(self.rng)
            yield self._round(_LUNGS, reply, dict.fromkeys(LUNGS, "absent"))
        if self.statuses.get("Fracture") == "absent":
            yield self._round(_BONES, _BONES_REPLY.say(self.rng), {"Fracture": "absent"})

    def maybe(self, name: str) -> Round:
        """An uncertain finding asked for."""
        reply = _MAYBE.say(self.rng, with_article(name))
        question = _EITHER.say(self.rng, with_article(name))
        return exchange(question, (reply,), Answer(reply, {name: "uncertain"}))

    def either(self, names: Sequence[str]) -> Round:
        """Two findings asked for at once, of which the second is absent."""
        first, second = names
        asked = _EITHER.say(self.rng, listed([with_article(name) for name in names], "or"))
        if self.statuses[first] == "absent":
            reply = _NEITHER.say(self.rng, listed([with_article(name) for name in names], "nor"))
        else:
            there = _ONE.say(self.rng, with_article(first)).removesuffix(".")
            reply = f"{there}, but no {spoken(second)}."
        return exchange(asked, (reply,), Answer(reply, {n: self.statuses[n] for n in names}))

    def anything_else(self, told: set[str]) -> Iterator[Round]:
        """What is present and was not told; that there is no more, where enough is known."""
        rest = [n for n in self.named("present") if n not in told and n not in GENERAL]
        if rest:
            reply = _ALSO.say(self.rng, listed([with_article(name) for name in rest]))
            yield self._round(_ELSE, reply, dict.fromkeys(rest, "present"))
        elif told and self._all_told(told):
            yield self._round(_ELSE, _NO_MORE.say(self.rng), {})

    def meaning(self, name: str, back: bool) -> Iterator[Round]:
        """What a word means; ``back`` for the one used last. General, no fact that is scored."""
        if name in DEFINITIONS:
            question = _THAT.say(self.rng) if back else _MEANING.say(self.rng, with_article(name))
            yield exchange(question, (DEFINITIONS[name],), Answer(DEFINITIONS[name]))

    def device_places(self) -> Iterator[Round]:
        """Where a device is, by its box."""
        for name in (name for name in DEVICES if name in self.writer.boxes):
            question = WHERE_REGION.say(self.rng, name)
            yield self.writer.place(question, name, name, self.writer.boxes[name])

    def in_full(self, report: str) -> Iterator[Round]:
        """An edited report, whole, where it says nothing against the labels."""
        asked = _IN_FULL.say(self.rng)
        said = read_facts(report, asked)
        if report and all(self.statuses.get(name, said[name]) == said[name] for name in said):
            held = {name: status for name, status in said.items() if name in self.statuses}
            yield exchange(asked, (report,), Answer(report, held))

    def back_to(self, name: str, follow_up: Round) -> Round:
        """A follow-up that names what it is about, because it was mentioned long before."""
        question, reply = follow_up
        asked = f"{_BACK.say(self.rng, spoken(name))} {plain(question.parts)}"
        return exchange(asked, reply.parts, reply.target)

    def _all_told(self, told: set[str]) -> bool:
        shown = [name for name, status in self.statuses.items() if status != "absent"]
        rest = [name for name in shown if name not in told and name not in GENERAL]
        enough = len(self.writer.findings_only) >= ENOUGH
        return enough and not rest and self.statuses.get(SUPPORT_DEVICES) != "present"

    def _round(self, asked: Phrasing, reply: str, labels: dict[str, Status]) -> Round:
        return exchange(asked.say(self.rng), (reply,), Answer(reply, labels))
