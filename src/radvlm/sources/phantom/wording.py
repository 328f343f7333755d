"""The sentences of the reports."""

from __future__ import annotations

PRESENT: dict[str, tuple[str, ...]] = {
    "Cardiomegaly": ("{severity} cardiomegaly.", "{severity} enlargement of the heart."),
    "Pleural Effusion": ("{severity} {side} pleural effusion.",),
    "Pneumothorax": ("{severity} {side} pneumothorax.",),
}
ABSENT: dict[str, tuple[str, ...]] = {
    "Cardiomegaly": ("The heart is normal in size.", "No cardiomegaly."),
    "Pleural Effusion": ("No pleural effusion.",),
    "Pneumothorax": ("No pneumothorax.",),
}
