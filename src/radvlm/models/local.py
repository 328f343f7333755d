"""What the local families share for inference: answers, streams, scores, and what is remembered.

An image's features are computed chat by chat, never beside another's, and kept by path, time and
length of the file: a reply does not depend on what was asked before or beside it. Only ``stream``
goes further and keeps the decoder's state of recent conversations, so that the next turn begins
where the last one ended.
"""

from __future__ import annotations

import time
from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch

from radvlm.models import writing
from radvlm.models.backbone import Backbone, Features, image_key, move
from radvlm.models.batches import IGNORED, Encoded
from radvlm.models.card import Card
from radvlm.models.constrained import Held
from radvlm.models.memory import Recent
from radvlm.protocols import Chat, Decoding
from radvlm.records import Reply, Turn

_FEATURE_BYTES = 1 << 30
_CONVERSATIONS = 4


@dataclass(frozen=True, slots=True)
class _Told:
    """The ids of a conversation so far, and the decoder's state after them."""

    ids: tuple[int, ...]
    state: Any


class LocalModel(Backbone):
    """A checkpoint that answers, scores and can be trained."""

    def __init__(self, network: Any, processor: Any, card: Card, revision: str) -> None:
        super().__init__(network, processor, card, revision)
        self._features: Recent[Features] = Recent(
            _FEATURE_BYTES, lambda kept: sum(t.numel() * t.element_size() for t in kept)
        )
        self._told: Recent[_Told] = Recent(_CONVERSATIONS)

    def collate(self, items: Sequence[Encoded], left: bool) -> dict[str, Any]:
        """A padded batch with pixels on the network's device, and ``labels`` for learned tokens.

        While the network is trained its weights change, and what it made of images is forgotten.
        """
        if self.network.training:
            self.forget()
        return super().collate(items, left)

    def forget(self) -> None:
        """Let go of what was made of images and of conversations under way."""
        self._features.clear()
        self._told.clear()

    @torch.inference_mode()
    def answer(self, chats: Sequence[Chat], decoding: Decoding) -> Iterator[tuple[int, Reply]]:
        """Replies to the chats, computed as one batch; ``decoding.n`` replies a chat."""
        if not chats:
            return
        start = time.perf_counter()
        items = [self.encode(chat, open_reply=True) for chat in chats]
        batch = self._prompts([item for item in items for _ in range(decoding.n)])
        torch.manual_seed(decoding.seed)
        listener = writing.Listener()
        processors = [listener] if decoding.logprobs else []
        # What is heard is what the network finds likely, not what the form leaves of it.
        processors += self._held(decoding, batch["input_ids"].shape[1])
        options = self._options(decoding) | writing.processed(processors)
        written = self.network.generate(**batch, **options)
        said = listener.heard(written) if decoding.logprobs else [None] * len(written)
        seconds = (time.perf_counter() - start) / len(written)
        replies = written[:, batch["input_ids"].shape[1] :].tolist()
        for row, (ids, scores) in enumerate(zip(replies, said, strict=True)):
            tokenizer = self.processor.tokenizer
            reply = writing.to_reply(tokenizer, ids, self.ends, seconds, scores)
            yield row // decoding.n, reply

    def stream(self, chat: Chat, decoding: Decoding) -> Generator[str]:
        """The reply to one chat, piece by piece as it is written.

        A chat that goes on from one streamed before about the same files begins where it ended.
        """
        item = self.encode(chat, open_reply=True)
        key = image_key(item)
        told = self._told.take(key) if key else None
        state = self._state_before(told, item) if told else None
        with torch.inference_mode():
            batch = self._prompts([item], look=state is None)
        if state is not None:
            batch["past_key_values"] = state
        torch.manual_seed(decoding.seed)
        held = writing.processed(self._held(decoding, batch["input_ids"].shape[1]))
        inputs = {**batch, **self._options(decoding), **held, "return_dict_in_generate": True}
        made = yield from writing.stream(self.network, self.processor.tokenizer, inputs)
        if key:
            ids = tuple(made.sequences[0, : made.past_key_values.get_seq_length()].tolist())
            self._told.put(key, _Told(ids, made.past_key_values))

    @torch.inference_mode()
    def logprobs(self, chats: Sequence[Chat], continuations: Sequence[str]) -> list[list[float]]:
        """Log-probability of each token of each continuation, its end of turn included."""
        said = [
            Chat(chat.images, (*chat.turns, Turn("assistant", (text,))))
            for chat, text in zip(chats, continuations, strict=True)
        ]
        encoded = [self.encode(chat, open_reply=False) for chat in said]
        before = [sum(self.encode(chat, open_reply=True).tokens.learn) for chat in chats]
        batch = move(self.texts(encoded, left=False), self.network.device) | self._seen(encoded)
        labels = batch.pop("labels")[:, 1:]
        logits = self.network(**batch).logits[:, :-1].float().log_softmax(-1)
        chosen = logits.gather(-1, labels.clamp(min=0)[..., None])[..., 0]
        return [
            row[mask.ne(IGNORED)][skipped:].tolist()
            for row, mask, skipped in zip(chosen, labels, before, strict=True)
        ]

    def _prompts(self, items: Sequence[Encoded], look: bool = True) -> dict[str, Any]:
        """Left-padded inputs of ``generate``, with the images' features unless told not to look."""
        batch = move(self.texts(items, left=True), self.network.device)
        del batch["labels"]
        return batch | self._seen(items) if look else batch

    def _seen(self, items: Sequence[Encoded]) -> dict[str, Any]:
        """Features of the chats' images as a keyword argument of the network."""
        once = {id(item): item for item in items if item.images}
        looked = {key: self._look(item) for key, item in once.items()}
        features = [looked[id(item)] for item in items if item.images]
        return {"mm_encoder_outputs": {"image": self.seen(features)}} if features else {}

    def _look(self, item: Encoded) -> Features:
        key = image_key(item)
        features = self._features.get(key) if key else None
        if features is None:
            features = self.look(move(self.image_inputs([item]), self.network.device))
            if key:
                self._features.put(key, features)
        return features

    def _state_before(self, told: _Told, item: Encoded) -> Any:
        """The decoder's state after what two conversations have in common, images included.

        None where that is too little, or where a sliding window has already moved past it.
        """
        ids = item.tokens.ids
        pairs = zip(told.ids, ids[:-1], strict=False)
        common = next((k for k, (a, b) in enumerate(pairs) if a != b), None)
        if common is None:
            common = min(len(told.ids), len(ids) - 1)
        surplus = len(told.ids) - common
        moved = any(
            layer.is_sliding and layer.get_seq_length() >= layer.sliding_window
            for layer in told.state.layers
        )
        if common < self.images_end(item) or (surplus and moved):
            return None
        told.state.crop(-surplus)
        return told.state

    def _held(self, decoding: Decoding, prompt: int) -> list[Any]:
        if decoding.constraint is None:
            return []
        return [Held(decoding.constraint, self.processor.tokenizer, self.ends, prompt)]

    def _options(self, decoding: Decoding) -> dict[str, Any]:
        return writing.options(decoding, self.ends, self.processor.tokenizer.pad_token_id)
