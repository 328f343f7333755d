"""The words of CheXpert's thirteen findings and devices, as its labeler reads them.

A word sets its own label and no other. The lists follow the labeler's mention lists (Irvin et al.
2019), with the differences that ``docs/labels.md`` states. ``lexicon`` holds the words of the
questions and answers; it knows names outside the fourteen and is read with its own hierarchy.
"""

from __future__ import annotations

import re

_AIRSPACE = r"air[- ]?spaces?"
_INTERSTITIAL = r"(?:reticulo-?)?interstitial"
_NODULAR = r"(?:reticulo-?)?nodular (?:\w+ )?(?:opacit(?:y|ies)|opacifications?|densit(?:y|ies))"
_OF_A_PLACE = (
    r"(?<!bone )(?<!bony )(?<!osseous )(?<!tissue )(?<!axillary )(?<!hilar )(?<!paratracheal )"
    r"(?<!metallic )(?<!metal )(?<!mediastinal )(?<!hyper)(?<!fat )(?<!vertebral )(?<!mineral )"
    r"(?<!breast )"
)
_NOT_OF_BONE = (
    r"(?<!bone )(?<!bony )(?<!osseous )(?<!lytic )(?<!blastic )(?<!sclerotic )(?<!destructive )"
    r"(?<!skeletal )(?<!rib )(?<!skin )(?<!vertebral )(?<!cutaneous )"
)
_NOT_DRAWN = (
    r"(?<!kerley )(?<!kerley b )(?<!septal )(?<!fracture )(?<!pleural )(?<!fissure )(?<!joint )"
    r"(?<!in )(?<!air )(?<!lucent )(?<!skin )(?<!paratracheal )(?<!fat )(?<!mid )(?<!mediastinal )"
)
_PLEURA = r"(?:pleural|pleuro)"
_SCAR = r"(?:scar(?:s|ring|red)?|thickening|plaques?|fibrosis|calcifications?)"
_EVEN = r"(?:[ /,-]+(?!and\b|or\b|with\b)\w+){0,2}?[ /-]+"

FINDINGS: dict[str, str] = {
    "Atelectasis": r"(?:micro)?atelecta\w+|collapse[ds]?(?! (?:of )?(?:the )?(?:\w+ )?vertebra\w*)",
    "Consolidation": r"consolidat\w+",
    "Edema": r"(?<!laryngeal )(?<!tissue )(?<!subcutaneous )o?edema(?:tous)?"
    r"|(?<!nasal )congestion|(?:heart|cardiac|ventricular|congestive) failure|chf"
    r"|(?<=no )failure|vascular (?:prominence|indistinctness|engorgement)|venous engorgement"
    r"|indistinctness of (?:the )?(?:pulmonary )?vascul\w+",
    "Fracture": r"fractur\w*",
    "Lung Lesion": r"(?<!mediastinal )mass(?:es)?(?! effect)|nodules?|lumps?|granulomas?|tumou?rs?"
    rf"|neoplasms?|\w*carcinomas?|{_NOT_OF_BONE}lesions?|nodularity|{_NODULAR}",
    "Lung Opacity": rf"(?<!pleural )opaci\w+|infiltrat\w+|{_AIRSPACE}(?: \w+)? (?:disease|process)"
    rf"|{_OF_A_PLACE}densit(?:y|ies)|{_INTERSTITIAL}(?: lung| pulmonary)? (?:and \w+ )?(?:marking"
    r"|prominence|pattern|change|thickening|infiltrat|opaci)\w*"
    r"|(?:prominen\w+|thickening|coarsening) of (?:the )?(?:\w+ )?interstiti(?:um|al)"
    r"(?: markings?)?"
    r"|interstitium(?: \w+)? prominent|reticular (?:pattern|markings?|change)s?|reticulations?"
    r"|reticulonodular(?: \w+)?",
    "Pleural Effusion": r"(?<!pericardial )(?<!joint )(?<!knee )effusions?"
    r"|(?<!air-)(?<!air )(?<!air/)(?<!xxxx/)(?<!peri)fluid(?![- ](?:level|overload|status|filled))"
    r"|(?:hydro|haemo|hemo)(?:pneumo)?thora(?:x|ces)",
    "Pleural Other": rf"{_PLEURA}{_EVEN}{_SCAR}|pleural (?:diseases?|abnormalit(?:y|ies)|reaction"
    rf"|irregularit(?:y|ies))|{_PLEURA}-?parenchymal (?:\w+ )?(?:scar\w*|irregularit(?:y|ies)"
    r"|change|disease)s?|fibrothorax|(?:thickening|scarring|calcification) of (?:the )?(?:\w+ )?"
    r"pleura|pleura(?: \w+){0,4} (?:thickened|thickening)|thickened pleura",
    "Pneumonia": r"\w*pneumonias?|infection|infectious(?: (?:\w+ )?(?:process|etiology|disease))?",
    "Pneumothorax": r"(?:hydro|haemo|hemo)?pneumothora(?:x|ces)",
    "Support Devices": r"pacemakers?|pacers?|picc|tub(?:e|ing)s?(?![- ]like)|catheters?|hardware"
    rf"|{_NOT_DRAWN}lines?(?! of\b| shadow)|\w*arthroplast(?:y|ies)|a?icd|defibrillators?|devices?"
    r"|(?:prosthetic|artificial|mechanical|replaced|bioprosthetic) (?:\w+ )?valves?"
    r"|valves? (?:replacements?|prosthes[ie]s)|drains?|(?<!end )(?<!growth )plates?|screws?|rods?"
    r"|cannulas?|apparatus|coils?|equipment|(?:medi|infuse|power)?-?ports?(?:-?a-?caths?)?|stents?"
    r"|electrodes?|wires?|leads(?! to)|lead tips?"
    r"|(?:pacing|pacer|pacemaker|ventricular|atrial|single) lead"
    r"|stimulators?|generators?|prosthes[ie]s|ivc filter|cages?(?<!rib cage)(?<!thoracic cage)"
    r"|sheath|tracheostomy|dobb?hoff|swan-?ganz|balloon pump",
}
"""Regular expressions, matched in lower case between word boundaries. The heart and the mediastinum
are read in ``silhouettes``: of them "normal" is said as often as "enlarged"."""

RIVAL = (
    r"(?:\w*scar\w*|fibrosis|fibrotic changes?|emphysema|inflammat\w+|aspiration|artifacts?|fat"
    r"|thickening|hernia|contusion|hemorrhage|adenopathy|lymphadenopathy|nodes?|vessels?|shadows?"
    r"|pneumonitis|malignancy|cancer|metasta\w+|bronchitis|crowding|deformity|eventration|plaques?"
    r"|vasculature|diseases?|process)"
)
"""What a report sets beside a finding as another reading of the same shadow."""

PAST = re.compile(
    r"\b(?:sequelae?|residua) of (?:\w+ )*$"
    r"|\b(?:prior|previous|old|remote|past|healed|granulomatous)(?: \w+){0,2} $"
)
"""Before an infection: one of the past, of which the image shows traces."""

HISTORY = re.compile(
    r"\b(?:history of|h/o|hx of|status post|s/p)\b|^(?:and |or )?if\b"
    r"|\bif (?:there|clinical\w*|concern\w*|suspicion|symptoms|indicated)\b"
)
"""What follows in the clause is told or supposed, not seen."""


def finding_pattern(name: str) -> re.Pattern[str]:
    """The words of a label, between word boundaries."""
    return re.compile(rf"(?<!\w)(?:{FINDINGS[name]})(?!\w)")
