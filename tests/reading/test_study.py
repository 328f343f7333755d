"""What the views of a study say together."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from test_reading import PIXELS, Scripted

from radvlm.errors import InputError
from radvlm.reading import Shot, check_prior, read_study
from radvlm.reading.reader import Reader
from radvlm.records import Status


class ByView(Scripted):
    """Reports by the brightness of the image."""

    def answer(self, chats: Any, decoding: Any) -> Any:
        for index, reply in super().answer(chats, decoding):
            dark = float(np.mean(chats[index].images[0])) < 50
            asked = str(chats[index].turns[-1].parts[0])
            text = "Possible edema. No pneumothorax." if dark and "report of" in asked else None
            text = "Nothing." if dark and "abnormalities" in asked else text
            yield index, reply if text is None else type(reply)(text, 1, "stop", 0.0)


def test_present_anywhere_is_present_and_disagreement_is_said() -> None:
    reader = Reader(ByView("There is edema.", "I see edema."))
    shots = [Shot(PIXELS, "PA"), Shot(PIXELS, "LATERAL"), Shot(PIXELS // 9, "AP"), Shot(PIXELS)]
    made = read_study(reader, shots)
    found: dict[str, tuple[Status, tuple[int, ...]]] = {
        one.name: (one.status, one.views) for one in made.findings
    }
    assert found == {"Edema": ("present", (0, 3)), "Pneumothorax": ("absent", (2,))}
    assert made.contradictions == ("Edema is present on views 1, 4, but uncertain on view 3",)
    assert [view.reading is None for view in made.views] == [False, True, False, False]
    assert made.comparison is None and made.scope == reader.model.info.scope


def test_a_study_has_views_and_priors_need_a_model_of_several_images() -> None:
    reader = Reader(Scripted("Clear.", "Nothing."))
    for count in (0, 9):
        with pytest.raises(InputError, match="1 to 8"):
            read_study(reader, [Shot(PIXELS)] * count)
    with pytest.raises(InputError, match="no prior"):
        check_prior(reader)
