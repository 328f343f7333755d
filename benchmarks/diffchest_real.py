"""The verbs on a public collection of real radiographs: pretrain, probes, counterfactuals."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from PIL import Image

from radvlm import recipe as recipes
from radvlm.explain.classify import classify
from radvlm.explain.pictures import save_png, stacked
from radvlm.explain.pretrain import pretrain
from radvlm.explain.recipe import ClassifyRecipe, ImageRecipe, PretrainRecipe
from radvlm.explain.single import explain_images
from radvlm.io.progress import Bar

REAL = Path("../shared/data/real_cxr")
RECIPES = Path("recipes/explain")
PICTURE = Path("runs/explain/real.png")
"""Two test patients for each thing asked for; real radiographs are not kept in the repository."""
COUNT = 100
"""Test images without what is asked for, as far as there are so many."""
FINDINGS = ("Tuberculosis", "source=shenzhen", "sex=F")


def on_real_radiographs(bar: Bar) -> dict[str, Any]:
    """Figures of test patients."""
    made = recipes.load(PretrainRecipe, RECIPES / "real_pretrain.yaml")
    if not (made.out / "autoencoder").exists():
        pretrain(made, bar)
    last = json.loads((made.out / "metrics.jsonl").read_text().splitlines()[-1])
    found = classify(recipes.load(ClassifyRecipe, RECIPES / "real_classify.yaml"), bar)
    pairs, rows = {}, []
    for finding in FINDINGS:
        name = finding.replace("=", "_")
        out = f"out=runs/explain/real_pairs_{name}"
        changes = [f"finding={finding}", out, f"count={COUNT}", "null=1", "shuffled=2"]
        recipe = recipes.load(ImageRecipe, RECIPES / "real_image.yaml", changes)
        figures = explain_images(recipe, bar)
        pairs[finding] = {
            "valid": figures["valid"],
            "refused": len(figures["refused"]),
            "psnr": sum(p["psnr"] for p in figures["pairs"]) / len(figures["pairs"]),
            "moved": _moved(figures["pairs"]),
            "along": figures["along"]["attributes"] if "along" in figures else {},
        }
        rows += [Image.open(recipe.out / "pairs" / f"{k:03d}.png") for k in range(2)]
    save_png(stacked(rows), PICTURE)
    return {
        "pretraining": last,
        "images": found["images"],
        "patients": found["patients"],
        "probes": found["probes"],
        "refused_probes": found["refused"],
        "label_efficiency": found["label_efficiency"],
        "pairs": pairs,
    }


def _moved(pairs: list[dict[str, Any]]) -> dict[str, float]:
    """Mean change of every probe's logit, in the valid pairs."""
    valid = [pair for pair in pairs if pair["valid"]]
    return {
        name: sum(pair["scores"][name][1] - pair["scores"][name][0] for pair in valid) / len(valid)
        for name in (valid[0]["scores"] if valid else {})
    }
