"""The class lmms-eval makes: ``lmms`` around a ``Model``. Needs lmms-eval to be installed."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from lmms_eval.api.model import lmms

from radvlm.export.lmms_eval import cut, to_chat, to_decoding
from radvlm.models.opening import opened
from radvlm.protocols import Chat, Decoding


class RadvlmForLmmsEval(lmms):  # type: ignore[misc]  # lmms-eval has no types
    """``--model_args pretrained=FOLDER,batch_size=8``; FOLDER may be a served model's file."""

    is_simple = False

    def __init__(self, pretrained: str, batch_size: int | str = 8, **_: Any) -> None:
        super().__init__()
        self._opened = opened(Path(pretrained), "open")
        self.model = self._opened.__enter__()
        self.batch_size = int(batch_size)

    def generate_until(self, requests: Sequence[Any]) -> list[str]:
        """The replies in the order of the requests; those of one decoding go together."""
        found: dict[int, str] = {}
        by_decoding: dict[Decoding, list[tuple[int, Chat, Any]]] = defaultdict(list)
        for index, request in enumerate(requests):
            to_messages, options, doc, task, split = request.args
            chat = to_chat(to_messages(self.task_dict[task][split][doc]))
            by_decoding[to_decoding(options)].append((index, chat, options.get("until")))
        for decoding, asked in by_decoding.items():
            for start in range(0, len(asked), self.batch_size):
                some = asked[start : start + self.batch_size]
                for place, reply in self.model.answer([chat for _, chat, _ in some], decoding):
                    index, _, until = some[place]
                    found[index] = cut(reply.text, until)
        return [found[index] for index in range(len(requests))]

    def loglikelihood(self, requests: Sequence[Any]) -> list[tuple[float, bool]]:
        """Not offered: radvlm's own log-probabilities are those of whole replies."""
        raise NotImplementedError("radvlm answers lmms-eval's generation tasks only")

    def generate_until_multi_round(self, requests: Sequence[Any]) -> list[str]:
        """Not offered."""
        raise NotImplementedError("radvlm answers lmms-eval's single-round tasks only")
