"""The reader study: pairs → a blinded reading pack; answers → agreement and prevalences.

The pack is one HTML file in which nobody can tell which finding was asked for or which pairs are
controls (the same picture twice). ``key.json`` stays with the person who runs the study. A reader's
answers are a JSON file ``{"reader": NAME, "answers": {CASE: [WHAT APPEARED, …]}}``.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from jinja2 import Environment, PackageLoader, StrictUndefined

from radvlm.errors import InputError
from radvlm.explain.intervals import share
from radvlm.explain.kappa import kappa_with_interval
from radvlm.explain.page import Part, cell, write_page
from radvlm.explain.recipe import ReadersRecipe
from radvlm.io import egress
from radvlm.io.files import atomic_path, read_json, write_json

CONTROLS = 0.25
"""Share of cases that show the rebuilt image twice."""


def run(recipe: ReadersRecipe) -> dict[str, Any]:
    """Write the pack, or, where the recipe names answers, the result of the reading."""
    if recipe.answers:
        return evaluate(recipe)
    return export(recipe)


def export(recipe: ReadersRecipe) -> dict[str, Any]:
    """Write ``pack.html`` for the readers and ``key.json`` for the study.

    Raises:
        InputError: the pairs are missing, or none of them is valid.
        EgressError: the images are not open; a pack is a page that leaves this machine.
    """
    made = read_json(recipe.pairs / "pairs.json")
    egress.check(made.get("access", "private"), "page", str(recipe.out / "pack.html"))
    pairs = made["pairs"]
    valid = [k for k, pair in enumerate(pairs) if pair["valid"]]
    if not valid:
        raise InputError("holds no valid pair", recipe.pairs, "Explain more images")
    rng = np.random.default_rng(recipe.seed)
    controls = rng.choice(valid, max(1, round(CONTROLS * len(valid))), replace=False).tolist()
    cases = [(k, False) for k in valid] + [(k, True) for k in controls]
    order = rng.permutation(len(cases))
    shown, key = [], {}
    for number, place in enumerate(order):
        pair, control = cases[place]
        case = f"case-{number + 1:03d}"
        second = "rebuilt" if control else "counterfactual"
        first = _picture(recipe.pairs, pair, "rebuilt")
        shown.append((case, first, _picture(recipe.pairs, pair, second)))
        key[case] = {"pair": pair, "control": control}
    script = _environment().get_template("pack.js").render()
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    text = (
        _environment()
        .get_template("pack.html.jinja")
        .render(cases=shown, options=recipe.options, script=script, digest=digest)
    )
    with atomic_path(recipe.out / "pack.html") as aside:
        aside.write_text(text, encoding="utf-8")
    write_json(recipe.out / "key.json", {"options": list(recipe.options), "cases": key})
    where = recipe.out / "pack.html"
    return {"cases": len(shown), "pack": str(where), "said": f"{where}: {len(shown)} cases"}


def evaluate(recipe: ReadersRecipe) -> dict[str, Any]:
    """Kappa and prevalence of every option over the cases, and its share among the controls."""
    key = read_json(recipe.out / "key.json")
    answers = [_answers(path, key) for path in recipe.answers]
    if len(answers) < 2:
        raise InputError("agreement needs two readers or more", "answers")
    table = {}
    for option in key["options"]:
        marks = np.array([[option in a[case] for a in answers] for case in key["cases"]])
        control = np.array([about["control"] for about in key["cases"].values()])
        yes = marks.sum(axis=1)
        counts = np.stack([yes, len(answers) - yes], axis=1)[~control]
        most = yes * 2 > len(answers)
        table[option] = {
            "kappa": kappa_with_interval(counts, recipe.bootstrap, recipe.seed),
            "prevalence": share(most[~control]),
            "in_controls": share(most[control]),
        }
    figures = {"readers": len(answers), "options": table}
    write_json(recipe.out / "agreement.json", figures)
    _page(recipe, figures)
    said = "\n".join(
        f"{name}: kappa {cell(one['kappa'])}, in {cell(one['prevalence'])} of the pairs"
        for name, one in table.items()
    )
    return {**figures, "said": said}


def _picture(folder: Path, pair: int, kind: str) -> str:
    path = folder / "pairs" / f"{pair:03d}_{kind}.png"
    try:
        return base64.b64encode(path.read_bytes()).decode()
    except OSError as error:
        raise InputError(
            "the picture is missing", path, "Run radvlm explain image again"
        ) from error


def _answers(path: Path, key: Mapping[str, Any]) -> dict[str, Sequence[str]]:
    """One reader's answers, checked: every case, no other names."""
    said = read_json(path)
    answers = said.get("answers") if isinstance(said, dict) else None
    if not isinstance(answers, dict) or set(answers) != set(key["cases"]):
        raise InputError("does not answer exactly the cases of this pack", path, "Finish the pack")
    known = set(key["options"])
    for marked in answers.values():
        if not isinstance(marked, list) or not set(marked) <= known:
            raise InputError(
                "names what the pack did not offer", path, "Use the pack's own answers"
            )
    return answers


def _page(recipe: ReadersRecipe, figures: dict[str, Any]) -> None:
    rows = [
        [name, cell(one["prevalence"]), cell(one["kappa"]), cell(one["in_controls"])]
        for name, one in figures["options"].items()
    ]
    head = ["appeared", "share of pairs (most readers)", "Fleiss' kappa", "in controls"]
    write_page(
        recipe.out / "agreement.html",
        "What readers saw appear",
        f"{figures['readers']} readers, blinded; a control shows the same picture twice.",
        "research use only, not for diagnosis",
        [Part("Prevalence and agreement", (), head, rows)],
        "open",
    )


@cache
def _environment() -> Environment:
    return Environment(
        loader=PackageLoader("radvlm.explain"), autoescape=True, undefined=StrictUndefined
    )
