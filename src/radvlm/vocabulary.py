"""The names of findings, devices and anatomical regions as the field writes them.

``CHEXPERT_14``: Irvin et al. 2019. ``REGIONS_29``: the anatomical regions with boxes of Chest
ImaGenome (Wu et al. 2021).
"""

from __future__ import annotations

NO_FINDING = "No Finding"
SUPPORT_DEVICES = "Support Devices"

CHEXPERT_14: tuple[str, ...] = (
    "Atelectasis",
    "Cardiomegaly",
    "Consolidation",
    "Edema",
    "Enlarged Cardiomediastinum",
    "Fracture",
    "Lung Lesion",
    "Lung Opacity",
    NO_FINDING,
    "Pleural Effusion",
    "Pleural Other",
    "Pneumonia",
    "Pneumothorax",
    SUPPORT_DEVICES,
)

CHEXPERT_13: tuple[str, ...] = tuple(name for name in CHEXPERT_14 if name != NO_FINDING)
"""The classes an answer lists; "No Finding" is said by listing none."""

CHEXPERT_COLUMNS: tuple[str, ...] = (
    NO_FINDING,
    "Enlarged Cardiomediastinum",
    "Cardiomegaly",
    "Lung Opacity",
    "Lung Lesion",
    "Edema",
    "Consolidation",
    "Pneumonia",
    "Atelectasis",
    "Pneumothorax",
    "Pleural Effusion",
    "Pleural Other",
    "Fracture",
    SUPPORT_DEVICES,
)
"""The same 14 in the order of CheXpert's tables."""

DEVICES: tuple[str, ...] = (
    "pacemaker",
    "port",
    "central line",
    "endotracheal tube",
    "chest drain",
    "sternal wires",
)

REGIONS_29: tuple[str, ...] = (
    "right lung",
    "right upper lung zone",
    "right mid lung zone",
    "right lower lung zone",
    "right hilar structures",
    "right apical zone",
    "right costophrenic angle",
    "right hemidiaphragm",
    "left lung",
    "left upper lung zone",
    "left mid lung zone",
    "left lower lung zone",
    "left hilar structures",
    "left apical zone",
    "left costophrenic angle",
    "left hemidiaphragm",
    "trachea",
    "spine",
    "right clavicle",
    "left clavicle",
    "aortic arch",
    "mediastinum",
    "upper mediastinum",
    "svc",
    "cardiac silhouette",
    "cavoatrial junction",
    "right atrium",
    "carina",
    "abdomen",
)
