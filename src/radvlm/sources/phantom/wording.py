"""The sentences of the reports, from a modest vocabulary.

``{where}`` is a list of lung zones, ``{side}`` right, left or bilateral, ``{severity}`` how much.
The first sentence of each finding is its shortest, used in the impression.
"""

from __future__ import annotations

PRESENT: dict[str, tuple[str, ...]] = {
    "Cardiomegaly": (
        "{severity} cardiomegaly.",
        "The heart is {severity}ly enlarged.",
        "{severity} enlargement of the heart.",
        "Enlarged cardiomediastinal silhouette with {severity} cardiomegaly.",
    ),
    "Enlarged Cardiomediastinum": (
        "Widened mediastinum.",
        "The mediastinum is widened.",
        "There is widening of the upper mediastinum.",
    ),
    "Edema": (
        "{severity} pulmonary edema.",
        "{severity} perihilar edema in both lungs.",
        "Perihilar haze in both lungs, consistent with {severity} edema.",
    ),
    "Consolidation": (
        "Consolidation in the {where}.",
        "Dense consolidation in the {where}.",
        "There is consolidation with air bronchograms in the {where}.",
    ),
    "Pneumonia": (
        "Pneumonia in the {where}.",
        "Patchy opacity in the {where}, consistent with pneumonia.",
        "There is patchy pneumonia in the {where}.",
    ),
    "Lung Opacity": (
        "Hazy opacity in the {where}.",
        "Faint opacity in the {where}.",
        "There is a hazy opacity in the {where}.",
    ),
    "Lung Lesion": (
        "{count} in the {where}.",
        "{count} seen in the {where}.",
        "There is evidence of {count} in the {where}.",
    ),
    "Atelectasis": (
        "Atelectasis at the {side} lung base.",
        "Linear atelectasis at the {side} lung base.",
        "There is linear atelectasis above the {side} hemidiaphragm.",
    ),
    "Pleural Effusion": (
        "{severity} {side} pleural effusion{s}.",
        "There is {a}{severity} {side} pleural effusion{s}.",
        "{severity} {side} effusion{s} in the pleural space.",
    ),
    "Pneumothorax": (
        "{severity} {side} pneumothorax.",
        "There is {a}{severity} {side} pneumothorax.",
        "{severity} {side} apical pneumothorax.",
    ),
    "Pleural Other": (
        "{side} pleural thickening.",
        "Calcified {side} pleural thickening.",
        "There is pleural thickening with calcification on the {side}.",
    ),
    "Fracture": (
        "{side} rib fractures.",
        "Displaced {side} rib fractures.",
        "There are fractures of the {side} ribs.",
    ),
    "endotracheal tube": (
        "Endotracheal tube above the carina.",
        "The endotracheal tube ends above the carina.",
        "Endotracheal tube in good position.",
    ),
    "central line": (
        "{side} central line.",
        "{side} central line ends in the superior vena cava.",
        "A {side} central line is in place.",
    ),
    "port": (
        "{side} chest port.",
        "{side} chest port ends in the superior vena cava.",
        "A {side} chest port is in place.",
    ),
    "pacemaker": (
        "{side} pacemaker.",
        "{side} pacemaker with leads in the heart.",
        "A {side} pacemaker is in place.",
    ),
    "chest drain": (
        "{side} chest drain.",
        "{side} chest drain ends at the apex.",
        "A {side} chest drain is in place.",
    ),
    "sternal wires": (
        "Sternal wires.",
        "Sternal wires are intact.",
        "Sternal wires are in place.",
    ),
}
"""What is said of each finding and device, in the order of a report."""

ABSENT: dict[str, tuple[float, tuple[str, ...]]] = {
    "Cardiomegaly": (
        0.9,
        ("The heart is normal in size.", "Normal heart size.", "No cardiomegaly."),
    ),
    "Enlarged Cardiomediastinum": (
        0.5,
        ("The mediastinum is not widened.", "Normal mediastinum."),
    ),
    "Edema": (0.35, ("No pulmonary edema.", "No edema.")),
    "Consolidation": (0.35, ("No consolidation.", "No focal consolidation.")),
    "Pneumonia": (0.2, ("No pneumonia.", "No evidence of pneumonia.")),
    "Lung Opacity": (0.9, ("The lungs are clear.", "Clear lungs.", "No lung opacity.")),
    "Lung Lesion": (0.25, ("No lung nodule or mass.", "No suspicious nodule.")),
    "Atelectasis": (0.15, ("No atelectasis.",)),
    "Pleural Effusion": (0.85, ("No pleural effusion.", "No effusion.")),
    "Pneumothorax": (0.85, ("No pneumothorax.", "No evidence of pneumothorax.")),
    "Pleural Other": (0.2, ("No pleural thickening.",)),
    "Fracture": (0.4, ("No rib fracture.", "No fracture.")),
    "Support Devices": (0.15, ("No support devices.", "No tubes or lines.")),
}
"""How often, and how, each label that is absent is negated."""

NEITHER = ("No pleural effusion or pneumothorax.", "No effusion or pneumothorax.")
"""Where both are absent."""

NORMAL = ("No acute cardiopulmonary abnormality.", "No acute findings.", "No acute abnormality.")

UNCHANGED = ("Unchanged from prior.", "This is unchanged from the previous study.")
NEW = ("New from prior.", "This is new compared with the previous study.")
STABLE = ("No change from prior.", "Unchanged compared with the previous study.")
RESOLVED = ("The previous {noun} has resolved.", "{noun} has resolved since the previous study.")

NOUNS: dict[str, str] = {
    "Cardiomegaly": "cardiomegaly",
    "Enlarged Cardiomediastinum": "mediastinal widening",
    "Edema": "pulmonary edema",
    "Consolidation": "consolidation",
    "Pneumonia": "pneumonia",
    "Lung Opacity": "lung opacity",
    "Lung Lesion": "lung lesion",
    "Atelectasis": "atelectasis",
    "Pleural Effusion": "pleural effusion",
    "Pneumothorax": "pneumothorax",
}
"""What can go away between two studies."""
