"""Turns → token ids, one way for training and for inference.

A chat is rendered by the checkpoint's own chat template and split into segments at every assistant
turn. Segments are tokenised apart, because that is what happens when a model is spoken to: the
prompt is tokenised, then the reply follows token by token. The ids learned from are therefore
exactly the ids met later.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from radvlm.errors import CheckpointError
from radvlm.protocols import BoxCodec
from radvlm.records import Turn

Messages = list[dict[str, Any]]
Template = Callable[[Messages, bool], str]
"""Renders messages; the flag asks for the opening of an assistant turn at the end."""


@dataclass(frozen=True, slots=True)
class Tokens:
    """``ids`` of a chat and, for each, whether it is the assistant's and so learned from.

    Where several chats share their images, ``blocks`` says whose token it is (0: shared, k: the
    k-th chat's) and ``positions`` where it stands in a chat of its own. Where a row holds chats
    about different images, ``parts`` says which of them a token belongs to.
    """

    ids: tuple[int, ...]
    learn: tuple[bool, ...]
    positions: tuple[int, ...] = ()
    blocks: tuple[int, ...] = ()
    parts: tuple[int, ...] = ()


def to_messages(
    turns: Sequence[Turn],
    codec: BoxCodec,
    size: tuple[int, int],
    images: int,
    system: str | None,
    special: Sequence[str],
) -> Messages:
    """Messages as chat templates take them; images stand before the first user text.

    ``size`` is the (width, height) of the image the boxes are on. Special tokens of the tokenizer
    that occur in a turn's text are broken up, so text from data never becomes an instruction.
    """
    messages: Messages = []
    if system is not None:
        messages.append({"role": "system", "content": [{"type": "text", "text": system}]})
    pending = images
    for turn in turns:
        content: list[dict[str, str]] = []
        if turn.role == "user" and pending:
            content += [{"type": "image"}] * pending
            pending = 0
        written = "".join(
            defuse(part, special) if isinstance(part, str) else codec.render(part, size)
            for part in turn.parts
        )
        content.append({"type": "text", "text": written})
        messages.append({"role": turn.role, "content": content})
    return messages


def defuse(text: str, special: Sequence[str]) -> str:
    """The text with every special token broken up by a space after its first character."""
    for token in special:
        text = text.replace(token, f"{token[0]} {token[1:]}")
    return text


def segments(
    messages: Messages, template: Template, open_reply: bool
) -> Iterator[tuple[str, bool]]:
    """Pieces of the rendered chat in order, and whether each is an assistant's turn.

    Raises:
        CheckpointError: the template rewrites earlier turns when later ones follow.
    """
    done = ""
    for k, message in enumerate(messages):
        if message["role"] == "assistant":
            prompt = template(messages[:k], True)
            full = template(messages[: k + 1], False)
            yield _after(done, prompt), False
            yield _after(prompt, full), True
            done = full
    last = template(messages, open_reply)
    if rest := _after(done, last):
        yield rest, False


def tokenize(
    pieces: Iterator[tuple[str, bool]], encode: Callable[[str], list[int]], end: int
) -> Tokens:
    """Ids of the segments; of an assistant's turn all are learned up to its ``end`` token."""
    ids: list[int] = []
    learn: list[bool] = []
    for text, mine in pieces:
        piece = encode(text)
        last = piece.index(end) if mine and end in piece else len(piece) - 1
        ids += piece
        learn += [mine and i <= last for i in range(len(piece))]
    return Tokens(tuple(ids), tuple(learn))


def share_prefix(chats: Sequence[Tokens], length: int) -> Tokens:
    """Chats with the same first ``length`` tokens (their images) as one row that holds them once.

    With attention kept to the shared part and to the own block, and positions counted as in a chat
    of its own, every token sees exactly what it would see alone; the images are computed once.

    Raises:
        ValueError: the chats do not begin alike.
    """
    prefix = chats[0].ids[:length]
    if any(chat.ids[:length] != prefix for chat in chats):
        raise ValueError("chats that share images must begin with the same tokens")
    ids, learn = list(prefix), [False] * length
    positions, blocks = list(range(length)), [0] * length
    for number, chat in enumerate(chats, 1):
        ids += chat.ids[length:]
        learn += chat.learn[length:]
        positions += range(length, len(chat.ids))
        blocks += [number] * (len(chat.ids) - length)
    return Tokens(tuple(ids), tuple(learn), tuple(positions), tuple(blocks))


def _after(done: str, full: str) -> str:
    if not full.startswith(done):
        raise CheckpointError(
            "the chat template changes earlier turns when later ones follow",
            remedy="Use a template that only appends",
        )
    return full[len(done) :]
