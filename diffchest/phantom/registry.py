"""Which function draws which finding. Kinds are in `vocabulary`, so that reading them loads no drawing code."""

from collections.abc import Callable

from numpy.random import Generator

from diffchest.findings.hierarchy import KINDS
from diffchest.phantom import heart_mediastinum, implants, lungs, pleura, skeleton, tubes_and_lines
from diffchest.phantom.anatomy import Anatomy
from diffchest.phantom.canvas import Canvas

Shape = Callable[[Anatomy, Generator], None]
Paint = Callable[[Canvas, Anatomy, Generator], None]

SHAPES: dict[str, Shape] = {
    "cardiomegaly": heart_mediastinum.cardiomegaly,
    "aortic elongation": heart_mediastinum.aortic_elongation,
    "vascular hilar enlargement": heart_mediastinum.vascular_hilar_enlargement,
    "superior mediastinal enlargement": heart_mediastinum.superior_mediastinal_enlargement,
    "goiter": heart_mediastinum.displace_trachea,
    "COPD signs": lungs.copd_signs,
    "hemidiaphragm elevation": pleura.hemidiaphragm_elevation,
    "diaphragmatic eventration": pleura.diaphragmatic_eventration,
    "scoliosis": skeleton.scoliosis,
    "mastectomy": skeleton.mastectomy,
}

PAINTS: dict[str, Paint] = {
    "aortic atheromatosis": heart_mediastinum.aortic_atheromatosis,
    "goiter": heart_mediastinum.goiter,
    "hiatal hernia": heart_mediastinum.hiatal_hernia,
    "alveolar pattern": lungs.alveolar_pattern,
    "interstitial pattern": lungs.interstitial_pattern,
    "laminar atelectasis": lungs.laminar_atelectasis,
    "lobar atelectasis": lungs.lobar_atelectasis,
    "pulmonary mass": lungs.pulmonary_mass,
    "calcified granuloma": lungs.calcified_granuloma,
    "pneumothorax": pleura.pneumothorax,
    "pleural effusion": pleura.pleural_effusion,
    "costophrenic angle blunting": pleura.costophrenic_angle_blunting,
    "apical pleural thickening": pleura.apical_pleural_thickening,
    "pleural thickening": pleura.pleural_thickening,
    "subcutaneous emphysema": pleura.subcutaneous_emphysema,
    "gynecomastia": skeleton.gynecomastia,
    "mammary prosthesis": skeleton.mammary_prosthesis,
    "osteosynthesis material": skeleton.osteosynthesis_material,
    "pacemaker": implants.pacemaker,
    "dual chamber device": implants.dual_chamber_device,
    "single chamber device": implants.single_chamber_device,
    "dai": implants.defibrillator,
    "sternotomy": implants.sternotomy,
    "artificial heart valve": implants.heart_valve,
    "artificial mitral heart valve": implants.mitral_valve,
    "artificial aortic heart valve": implants.aortic_valve,
    "NSG tube": tubes_and_lines.nsg_tube,
    "endotracheal tube": tubes_and_lines.endotracheal_tube,
    "tracheostomy tube": tubes_and_lines.tracheostomy_tube,
    "central venous catheter via jugular vein": tubes_and_lines.jugular_catheter,
    "central venous catheter via subclavian vein": tubes_and_lines.subclavian_catheter,
    "reservoir central venous catheter": tubes_and_lines.reservoir_catheter,
    "chest drain tube": tubes_and_lines.chest_drain_tube,
}

# findings with the same site draw from the same random stream: one device under two labels lies in one place
SITE: dict[str, str] = {
    "dual chamber device": "pacemaker",
    "single chamber device": "pacemaker",
    "dai": "pacemaker",
    "pneumothorax": "pleural space",
    "chest drain tube": "pleural space",
    "subcutaneous emphysema": "pleural space",
    "costophrenic angle blunting": "pleural effusion",
}

# a generic label adds nothing where a specific one already says what to draw
SPECIFIC: dict[str, tuple[str, ...]] = {name: kinds for name, kinds in KINDS.items() if name in PAINTS}


# findings that occur in one sex alone, or nearly so; who is not F is drawn male
ONLY_IN: dict[str, str] = {"mastectomy": "F", "mammary prosthesis": "F", "gynecomastia": "M"}


def plausible(finding: str, sex: str) -> bool:
    """Whether somebody of this sex (F, or M for all others) may have the finding."""
    drawn_as = "F" if sex == "F" else "M"
    return ONLY_IN.get(finding, drawn_as) == drawn_as


def shown(findings: set[str]) -> list[str]:
    """Findings to draw out of all labels of a radiograph, in the registry's order."""
    known = [name for name in dict.fromkeys([*SHAPES, *PAINTS]) if name in findings]
    return [name for name in known if not any(specific in findings for specific in SPECIFIC.get(name, ()))]
