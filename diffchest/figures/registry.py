"""Every figure by name; drawing and saving one."""

from collections.abc import Callable
from pathlib import Path

import matplotlib as mpl
from matplotlib.figure import Figure

from diffchest.contracts.empty_figures import KEY
from diffchest.figures import (
    auc_forest,
    calibration,
    confounder_examples,
    confounder_matrix,
    contact_sheet,
    counterfactual_grid,
    counterfactual_quality,
    counterfactuals,
    data_efficiency,
    failures,
    information,
    latent_space,
    phantom_gallery,
    pretrain_loss,
    pretrain_progress,
    reader_agreement,
    reconstructions,
    reliance,
    responses,
    step_sweep,
    study_flow,
    subgroups,
    teaser,
    true_twins,
)
from diffchest.figures.frame import empty_figure
from diffchest.figures.settings import FigureParams
from diffchest.figures.style import RC, NothingToDrawError
from diffchest.files.whole import whole
from diffchest.params.figures import FigureNames

MODULES = (
    study_flow,
    contact_sheet,
    phantom_gallery,
    pretrain_loss,
    pretrain_progress,
    information,
    latent_space,
    auc_forest,
    subgroups,
    calibration,
    data_efficiency,
    reconstructions,
    counterfactuals,
    true_twins,
    counterfactual_grid,
    step_sweep,
    failures,
    counterfactual_quality,
    responses,
    confounder_matrix,
    confounder_examples,
    reliance,
    reader_agreement,
    teaser,
)
FIGURES: dict[str, Callable[[FigureParams], Figure]] = {
    module.__name__.rpartition(".")[2]: module.draw for module in MODULES
}


def chosen(names: FigureNames) -> list[str]:
    """The figures that `figures.names` asks for."""
    return list(FIGURES) if names == "all" else list(names)


def save_figure(name: str, params: FigureParams, path: Path) -> None:
    """Draw figure `name` to the PNG `path`; equal inputs give equal bytes.

    A figure whose inputs have no rows becomes one that says why, in its file, too (`contracts/empty_figures.py`).
    """
    about: dict[str, str | None] = {"Software": None}
    with mpl.rc_context(RC):
        try:
            figure = FIGURES[name](params)
        except NothingToDrawError as nothing:
            figure = empty_figure(name.replace("_", " ").capitalize(), params, str(nothing))
            about[KEY] = str(nothing)
        with whole(path) as partial:
            figure.savefig(partial, dpi=params.figures.dpi, metadata=about)
