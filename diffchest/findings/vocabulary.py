"""The PadChest findings that phantoms show, by their exact names; every other label leaves no trace in a picture."""

from collections.abc import Iterable
from typing import Literal

Kind = Literal["treatment", "physiology"]
_PHYSIOLOGY = (
    "cardiomegaly",
    "aortic elongation",
    "aortic atheromatosis",
    "vascular hilar enlargement",
    "superior mediastinal enlargement",
    "goiter",
    "hiatal hernia",
    "COPD signs",
    "alveolar pattern",
    "interstitial pattern",
    "laminar atelectasis",
    "lobar atelectasis",
    "pulmonary mass",
    "calcified granuloma",
    "pleural effusion",
    "costophrenic angle blunting",
    "pneumothorax",
    "apical pleural thickening",
    "pleural thickening",
    "hemidiaphragm elevation",
    "diaphragmatic eventration",
    "scoliosis",
    "gynecomastia",
    "subcutaneous emphysema",
)
_TREATMENT = (
    "pacemaker",
    "dual chamber device",
    "single chamber device",
    "dai",
    "sternotomy",
    "artificial heart valve",
    "artificial mitral heart valve",
    "artificial aortic heart valve",
    "NSG tube",
    "endotracheal tube",
    "tracheostomy tube",
    "central venous catheter via jugular vein",
    "central venous catheter via subclavian vein",
    "reservoir central venous catheter",
    "chest drain tube",
    "mammary prosthesis",
    "mastectomy",
    "osteosynthesis material",
)
KIND: dict[str, Kind] = {
    **dict.fromkeys(_PHYSIOLOGY, "physiology"),
    **dict.fromkeys(_TREATMENT, "treatment"),
}
DRAWN: tuple[str, ...] = tuple(KIND)


def visible_findings(findings: Iterable[str], *, on_phantoms: bool) -> list[str]:
    """Those of `findings` that a picture can show: on phantoms the drawn ones, in real radiographs all."""
    return [finding for finding in findings if finding in KIND or not on_phantoms]
