"""The 14 labels that CheXpert and MIMIC-CXR share, and how phantoms show them."""

from collections.abc import Mapping
from typing import Any

from numpy.random import Generator

from diffchest.params.phantom import Confounding
from diffchest.phantom.confounding import DRAIN_WITH_PNEUMOTHORAX

LABELS = (
    "No Finding",
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
    "Support Devices",
)

# each label shows as one of these drawn findings; a fracture is not drawn
SHOWN_AS: dict[str, tuple[str, ...]] = {
    "Enlarged Cardiomediastinum": ("superior mediastinal enlargement",),
    "Cardiomegaly": ("cardiomegaly",),
    "Lung Lesion": ("pulmonary mass",),
    "Edema": ("interstitial pattern",),
    "Consolidation": ("alveolar pattern",),
    "Pneumonia": ("alveolar pattern",),
    "Atelectasis": ("laminar atelectasis", "laminar atelectasis", "laminar atelectasis", "lobar atelectasis"),
    "Pneumothorax": ("pneumothorax",),
    "Pleural Effusion": ("pleural effusion",),
    "Pleural Other": ("apical pleural thickening", "pleural thickening"),
}
# what an opacity is seen as when no label says what kind it is
UNSPECIFIED = ("alveolar pattern", "interstitial pattern", "laminar atelectasis")
KINDS_OF_OPACITY = ("Lung Lesion", "Edema", "Consolidation", "Pneumonia", "Atelectasis")
DEVICES = (
    "endotracheal tube",
    "NSG tube",
    "central venous catheter via jugular vein",
    "central venous catheter via subclavian vein",
    "dual chamber device",
    "sternotomy",
    "tracheostomy tube",
    "reservoir central venous catheter",
    "chest drain tube",
)
DEVICE_SHARE = (0.20, 0.17, 0.20, 0.10, 0.10, 0.10, 0.05, 0.05, 0.03)


def shown_findings(labels: Mapping[Any, Any], rng: Generator, confounding: Confounding = "natural") -> tuple[str, ...]:
    """Choose the drawn findings of one study from its labels; only 1 counts, uncertain and blank draw nothing.

    confounding: how often a pneumothorax with a device has a chest drain.
    """
    positive = [label for label in LABELS if labels[label] == 1]
    found = {str(rng.choice(SHOWN_AS[label])) for label in positive if label in SHOWN_AS}
    if "Lung Opacity" in positive and not any(label in positive for label in KINDS_OF_OPACITY):
        found.add(str(rng.choice(UNSPECIFIED)))
    if "Support Devices" in positive:
        number = rng.integers(1, 4)
        found.update(str(name) for name in rng.choice(DEVICES, size=number, replace=False, p=DEVICE_SHARE))
        if "Pneumothorax" in positive and rng.random() < DRAIN_WITH_PNEUMOTHORAX[confounding]:
            found.add("chest drain tube")
    return tuple(sorted(found))
