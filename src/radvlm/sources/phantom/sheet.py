"""A contact sheet: every finding and device, a normal chest and a lateral view, with boxes."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

from radvlm.records import Box
from radvlm.sources.phantom.factors import Factors
from radvlm.sources.phantom.labels import DRAWN
from radvlm.sources.phantom.simulate import simulate
from radvlm.vocabulary import DEVICES

REGIONS = ("right lung", "left lung", "cardiac silhouette", "carina", "aortic arch", "abdomen")
COLUMNS, TILE, CAPTION = 6, 216, 20
AMBER, CYAN = (255, 190, 40), (90, 200, 255)


def panels() -> list[tuple[str, Factors]]:
    """Caption and factors of each panel; the sexes and projections take turns."""
    plain = [
        ("normal, PA, regions", Factors()),
        ("normal, AP", Factors(projection="AP", sex="F")),
        ("normal, child of 5", Factors(age=5)),
        ("normal, lateral", Factors(projection="LATERAL")),
    ]
    shown = [(name, Factors(findings=frozenset({name}))) for name in DRAWN]
    worn = [(name, Factors(devices=frozenset({name}))) for name in DEVICES]
    mixed = Factors(findings=frozenset({"Cardiomegaly", "Pleural Effusion", "Edema"}))
    lateral = Factors(projection="LATERAL", findings=frozenset({"Pleural Effusion"}))
    return [
        *plain,
        *shown,
        *worn,
        ("heart failure (three findings)", mixed),
        ("Pleural Effusion, lateral", lateral),
    ]


def contact_sheet(path: Path, seed: int = 7) -> None:
    """Write the sheet as PNG with a palette, findings in amber and regions in blue."""
    chosen = panels()
    rows = -(-len(chosen) // COLUMNS)
    sheet = Image.new("RGB", (COLUMNS * TILE, rows * (TILE + CAPTION)))
    for number, (caption, factors) in enumerate(chosen):
        x, y = number % COLUMNS * TILE, number // COLUMNS * (TILE + CAPTION)
        sheet.paste(_panel(caption, factors, seed + number), (x, y))
    palette = Image.new("P", (1, 1))
    greys = [level for grey in range(0, 256, 4) for level in (grey,) * 3]
    palette.putpalette([*greys, *AMBER, *CYAN])
    sheet.quantize(palette=palette, dither=Image.Dither.NONE).save(path, optimize=True)


def _panel(caption: str, factors: Factors, seed: int) -> Image.Image:
    pixels, truth = simulate(seed, factors)
    picture = Image.fromarray(pixels).convert("RGB")
    size = TILE - 4
    picture = picture.resize(
        (picture.width * size // max(picture.size), picture.height * size // max(picture.size)),
        Image.Resampling.LANCZOS,
    )
    if factors.projection != "LATERAL":
        _outline(picture, [box for drawn in truth.drawn for box in drawn.boxes], AMBER)
    if "regions" in caption:
        _outline(picture, [truth.regions[n] for n in REGIONS if n in truth.regions], CYAN)
    panel = Image.new("RGB", (TILE, TILE + CAPTION))
    panel.paste(picture, ((TILE - picture.width) // 2, (TILE - picture.height) // 2))
    pen = ImageDraw.Draw(panel)
    pen.text((4, TILE + 2), caption, fill=(235, 235, 235), font=ImageFont.load_default(12))
    return panel


def _outline(picture: Image.Image, boxes: Sequence[Box], colour: tuple[int, int, int]) -> None:
    pen, (width, height) = ImageDraw.Draw(picture), picture.size
    for b in boxes:
        corners = (b.x1 * width, b.y1 * height, b.x2 * width - 1, b.y2 * height - 1)
        pen.rectangle(corners, outline=colour)
