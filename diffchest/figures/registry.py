"""Every figure by name; drawing and saving one."""

import difflib
from collections.abc import Callable
from pathlib import Path

import matplotlib as mpl
from matplotlib.figure import Figure

from diffchest.errors import DataError
from diffchest.figures import (
    auc_forest,
    calibration,
    confounder_examples,
    confounder_matrix,
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
    step_sweep,
    study_flow,
    subgroups,
    teaser,
)
from diffchest.figures.settings import FigureParams
from diffchest.figures.style import RC, NothingToDrawError, notice
from diffchest.files.whole import whole

FIGURES: dict[str, Callable[[FigureParams], Figure]] = {
    "study_flow": study_flow.draw,
    "phantom_gallery": phantom_gallery.draw,
    "pretrain_loss": pretrain_loss.draw,
    "pretrain_progress": pretrain_progress.draw,
    "information": information.draw,
    "latent_space": latent_space.draw,
    "auc_forest": auc_forest.draw,
    "subgroups": subgroups.draw,
    "calibration": calibration.draw,
    "data_efficiency": data_efficiency.draw,
    "reconstructions": reconstructions.draw,
    "counterfactuals": counterfactuals.draw,
    "counterfactual_grid": counterfactual_grid.draw,
    "step_sweep": step_sweep.draw,
    "failures": failures.draw,
    "counterfactual_quality": counterfactual_quality.draw,
    "confounder_matrix": confounder_matrix.draw,
    "confounder_examples": confounder_examples.draw,
    "reliance": reliance.draw,
    "reader_agreement": reader_agreement.draw,
    "teaser": teaser.draw,
}


def check_names(names: list[str]) -> None:
    """Raise `DataError` for a name in `figures.names` that is not a figure, with the nearest that is."""
    for name in names:
        if name not in FIGURES:
            near = difflib.get_close_matches(name, FIGURES, n=1)
            hint = f"; did you mean {near[0]!r}?" if near else ""
            raise DataError(f"params.yaml: figures.names: no figure {name!r}{hint} (there are: {', '.join(FIGURES)})")


def save_figure(name: str, params: FigureParams, path: Path) -> None:
    """Draw figure `name` to the PNG `path`; equal inputs give equal bytes.

    A figure whose inputs have no rows becomes a notice that says so.
    """
    with mpl.rc_context(RC):
        try:
            figure = FIGURES[name](params)
        except NothingToDrawError as nothing:
            figure = notice(name.replace("_", " ").capitalize(), params, str(nothing))
        with whole(path) as partial:
            figure.savefig(partial, dpi=params.figures.dpi, metadata={"Software": None})
