"""What is shown in the terminal: the picture in half blocks, findings as a table, help.

Each character cell shows two pixels, one above the other, so any terminal with 24-bit colour shows
the radiograph; elsewhere there is no picture and the boxes stand as numbers.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageDraw
from rich.color import Color
from rich.columns import Columns
from rich.console import Console, Group, RenderableType
from rich.style import Style
from rich.table import Table
from rich.text import Text

from radvlm.chatting.conversation import Conversation
from radvlm.io.draw import PALETTE
from radvlm.protocols import Pixels
from radvlm.records import Box, Status

COLUMNS, ROWS = 64, 30
_STYLE: dict[Status, str] = {"present": "bold red", "uncertain": "yellow", "absent": "green"}


def plain(text: str) -> str:
    """Text without anything a terminal would obey: escapes, controls, changes of direction."""
    return "".join(
        c if c.isprintable() or c in "\n\t" else "\N{REPLACEMENT CHARACTER}" for c in text
    )


Answer = Callable[..., None]


@dataclass(slots=True)
class Session:
    """The conversation, the screen, and how a question is put."""

    talk: Conversation
    console: Console
    answer: Answer

    def say(self, text: str, style: str = "dim") -> None:
        """One line of the program's own."""
        self.console.print(plain(text), style=style, markup=False, highlight=False)


def can_draw(console: Console) -> bool:
    """Whether the terminal shows pictures."""
    return console.is_terminal and console.color_system == "truecolor"


def picture(pixels: Pixels, boxes: Sequence[Box], columns: int, rows: int = ROWS) -> Text:
    """A radiograph uint8 [height, width] in half blocks, with boxes in the palette's order."""
    height, width = pixels.shape
    scale = min(columns / width, 2 * rows / height)
    size = max(2, round(width * scale)), max(2, 2 * round(height * scale / 2))
    image = Image.fromarray(np.ascontiguousarray(pixels)).resize(size, Image.Resampling.LANCZOS)
    image = image.convert("RGB")
    draw = ImageDraw.Draw(image)
    for k, box in enumerate(boxes):
        right, bottom = size[0] - 1, size[1] - 1
        place = (box.x1 * right, box.y1 * bottom, box.x2 * right, box.y2 * bottom)
        draw.rectangle([round(edge) for edge in place], outline=PALETTE[k % len(PALETTE)])
    cells = np.asarray(image)
    drawn = Text(no_wrap=True)
    for top in range(0, size[1], 2):
        for upper, lower in zip(cells[top], cells[top + 1], strict=True):
            drawn.append("▀", Style(color=_colour(upper), bgcolor=_colour(lower)))
        drawn.append("\n")
    drawn.rstrip()
    return drawn


def view(talk: Conversation, boxes: Sequence[tuple[str, Box]], console: Console) -> RenderableType:
    """The image, the prior image beside it where there is one, and what the boxes are."""
    known = [(plain(name), box) for name, box in boxes]
    legend = Text("\n").join(
        Text(f"■ {k + 1} {name} {written(box)}", PALETTE[k % len(PALETTE)])
        for k, (name, box) in enumerate(known)
    )
    if not can_draw(console):
        return legend
    beside = talk.prior is not None and console.width >= 60
    columns = min(COLUMNS, (console.width - 4) // (2 if beside else 1) - 2)
    now: RenderableType = picture(talk.seen(), [box for _, box in known], columns)
    if talk.prior is not None:
        earlier = picture(talk.prior, [], columns)
        now = Columns([Group(Text("now", "bold"), now), Group(Text("prior", "bold"), earlier)])
    return Group(now, legend) if known else now


def written(box: Box) -> str:
    """A box as fractions of the image."""
    return f"[{box.x1:.2f}, {box.y1:.2f}, {box.x2:.2f}, {box.y2:.2f}]"


def findings_table(talk: Conversation) -> Table:
    """Number, finding, status, side, confidence and places; what a person changed is marked.

    A number has the colour of its first box on the picture.
    """
    table = Table(box=None, header_style="dim", pad_edge=False)
    for name, where in (("#", "right"), ("finding", "left"), ("status", "left"),
                        ("side", "left"), ("confidence", "right"), ("boxes", "left")):  # fmt: skip
        table.add_column(name, justify="right" if where == "right" else "left")
    drawn = 0
    for k, (one, changed) in enumerate(talk.findings()):
        number = Text(str(k + 1))
        if one.status == "present" and one.boxes:
            number.stylize(PALETTE[drawn % len(PALETTE)])
            drawn += len(one.boxes)
        status = Text(f"{one.status} (changed)" if changed else one.status, _STYLE[one.status])
        sure = "" if one.confidence is None else f"{one.confidence:.2f}"
        boxes = " ".join(written(box) for box in one.boxes)
        table.add_row(number, plain(one.name), status, one.side or "", sure, boxes)
    return table


def _colour(rgb: np.ndarray) -> Color:
    red, green, blue = (int(value) for value in rgb)
    return Color.from_rgb(red, green, blue)
