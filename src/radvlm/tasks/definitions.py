"""Short fixed definitions of findings, for conversations: general knowledge, not about an image."""

from __future__ import annotations

DEFINITIONS: dict[str, str] = {
    "Atelectasis": "Atelectasis means that a part of the lung holds too little air.",
    "Cardiomegaly": "Cardiomegaly means that the heart is enlarged.",
    "Consolidation": "Consolidation means that fluid or cells fill a part of the lung.",
    "Edema": "Edema means that there is too much fluid in the lungs.",
    "Enlarged Cardiomediastinum": "It means that the middle of the chest is too wide.",
    "Fracture": "A fracture is a broken bone.",
    "Lung Lesion": "A lung lesion is a spot in the lung, such as a nodule or a mass.",
    "Lung Opacity": "A lung opacity is an area of the lung that looks too white.",
    "Pleural Effusion": "A pleural effusion is fluid between the lung and the chest wall.",
    "Pneumonia": "Pneumonia is an infection of the lung.",
    "Pneumothorax": "A pneumothorax is air between the lung and the chest wall.",
    "Emphysema": "Emphysema means that the lungs hold too much air and lose tissue.",
    "Fibrosis": "Fibrosis means that there are scars in the lung.",
    "Nodule": "A nodule is a small round spot in the lung.",
    "Mass": "A mass is a round spot in the lung of more than three centimetres.",
    "Tuberculosis": "Tuberculosis is an infection by bacteria, most often of the lung.",
}
