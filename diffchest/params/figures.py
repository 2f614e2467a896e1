"""`figures`: what is drawn."""

from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from diffchest.near_names import near_names
from diffchest.params.base import Names, Section

FIGURE_NAMES = (
    "study_flow",
    "contact_sheet",
    "phantom_gallery",
    "pretrain_loss",
    "pretrain_progress",
    "information",
    "latent_space",
    "auc_forest",
    "subgroups",
    "calibration",
    "data_efficiency",
    "reconstructions",
    "counterfactuals",
    "true_twins",
    "counterfactual_grid",
    "step_sweep",
    "failures",
    "counterfactual_quality",
    "responses",
    "confounder_matrix",
    "confounder_examples",
    "reliance",
    "reader_agreement",
    "teaser",
)


def _drawn(names: list[str]) -> list[str]:
    """`names` themselves; `ValueError` for one that no figure has, with the nearest that one has."""
    for name in names:
        if name not in FIGURE_NAMES:
            near = near_names(name, FIGURE_NAMES, most=1)
            hint = f"; did you mean {near[0]!r}?" if near else ""
            raise ValueError(f"no figure {name!r}{hint} (there are: {', '.join(FIGURE_NAMES)})")
    return names


FigureNames = Literal["all"] | Annotated[Names, Field(min_length=1), AfterValidator(_drawn)]


class FiguresParams(Section):
    """`figures`: what is drawn."""

    names: FigureNames
    dpi: Annotated[int, Field(ge=50, le=600)]
