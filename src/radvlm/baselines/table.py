"""The baselines there are: one literal table, name → "module:attribute", resolved when used."""

from __future__ import annotations

from difflib import get_close_matches
from importlib import import_module

from radvlm.baselines.native import Native
from radvlm.errors import RegistryError

BASELINES: dict[str, str] = {
    "llava_ov": "radvlm.baselines.llava:LlavaOv",
    "llava_med": "radvlm.baselines.llava:LlavaMed",
    "radialog": "radvlm.baselines.radialog:Radialog",
    "chexagent": "radvlm.baselines.chexagent:Chexagent",
    "maira2": "radvlm.baselines.maira2:Maira2",
    "llava_rad": "radvlm.baselines.llava_rad:LlavaRad",
    "chexone": "radvlm.baselines.chexone:Chexone",
    "medgemma": "radvlm.baselines.medgemma:Medgemma",
}


def baseline(name: str) -> Native:
    """The baseline of that name; ``RegistryError`` where there is none."""
    if name not in BASELINES:
        near = get_close_matches(name, BASELINES, n=1)
        hint = f"Did you mean {near[0]!r}?" if near else f"Known: {', '.join(BASELINES)}"
        raise RegistryError(f"no baseline called {name!r}", remedy=hint)
    module, _, attribute = BASELINES[name].partition(":")
    made: Native = getattr(import_module(module), attribute)()
    return made
