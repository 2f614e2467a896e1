"""Figure 4: counterfactuals of the strongest flagged pairs, with the confounder named beside them."""

import pandas as pd
from matplotlib.figure import Figure

from diffchest import paths
from diffchest.contracts.responses import Responses
from diffchest.figures.explained import RE_ENCODED, STEP_UNITS, scores
from diffchest.figures.frame import new_figure
from diffchest.figures.inputs import read_rows
from diffchest.figures.settings import FigureParams
from diffchest.figures.style import (
    GREY,
    KIND_COLOUR,
    NothingToDrawError,
    difference_bar,
    difference_limit,
    footnote,
    show_difference,
    show_identified,
    show_picture,
    signed_difference,
    wrapped,
)
from diffchest.params.base import OURS

TARGETS, PATIENTS = 5, 2
SIDE = 21.0  # mm


def draw(params: FigureParams) -> Figure:
    """Draw one row per target: its name, its strongest confounder, and pictures of two patients."""
    pairs = read_rows(paths.table("confounders"), stage="confounders", empty="no pair of findings could be audited")
    responses = Responses.load(paths.responses(OURS))
    index = {name: number for number, name in enumerate(responses.targets)}
    best = strongest(pairs[pairs["target"].isin(index)])
    if best.empty:
        raise NothingToDrawError("the audit flags no pair: nothing that appears with a finding raises its score alone")
    rows = [index[target] for target in best["target"]]
    patients = min(PATIENTS, len(responses.image_id))
    still, moved = responses.reconstruction[:patients], responses.counterfactual[:patients, rows]
    change = signed_difference(moved, still[:, None])
    limit = difference_limit(change)
    figure = new_figure("What else appears", params, height=30 + len(rows) * (SIDE + 7))
    grid = figure.subplots(len(rows), 1 + 3 * patients, squeeze=False, width_ratios=[2.2, *[1.0] * (3 * patients)])
    for row, pair in enumerate(best.itertuples(index=False)):
        _describe(grid[row, 0], pair)
        for patient in range(patients):
            cells = grid[row, 1 + 3 * patient : 4 + 3 * patient]
            asked, risen = (
                scores(responses.before[patient, at], responses.after[patient, rows[row], at])
                for at in responses.columns([str(pair.target), str(pair.confounder)])
            )
            show_identified(cells[0], still[patient], responses.image_id[patient], side=SIDE)
            show_picture(cells[1], moved[patient, row], asked)
            show_difference(cells[2], change[patient, row], limit=limit, caption=risen)
            cells[2].xaxis.label.set_color(_kind_colour(pair))
    for patient in range(patients):
        for offset, name in enumerate(("reconstruction", "counterfactual", "difference")):
            grid[0, 1 + 3 * patient + offset].set_title(name, fontsize=6)
    difference_bar(figure, grid[:, 1:], limit, location="bottom", shrink=0.5, aspect=40, pad=0.02)
    audit = params.audit_move
    footnote(
        figure,
        f"z moved towards the finding by {audit.step:g} {STEP_UNITS[audit.edit]} ({audit.edit}); {RE_ENCODED}: of the "
        "finding below the counterfactual, of what rises with it below the difference",
    )
    return figure


def strongest(pairs: pd.DataFrame) -> pd.DataFrame:
    """The strongest flagged confounder of each target, the targets with the strongest ones first."""
    flagged = pairs[pairs["flagged"].astype(bool)]
    order = flagged.sort_values(["effect", "target", "confounder"], ascending=[False, True, True])
    return order.drop_duplicates("target").head(TARGETS)


def _kind_colour(pair) -> str:
    return KIND_COLOUR.get(pair.kind, GREY) if isinstance(pair.kind, str) else GREY


def _describe(axes, pair) -> None:
    axes.set_axis_off()
    witness = "" if pd.isna(pair.p_b_given_a) else f"; labelled with it in {pair.p_b_given_a:.0%}"
    if pair.contradicted_by_labels:
        witness += ", less than others"
    lines = [
        (1.01, "towards", 6, GREY, "normal"),
        (0.88, wrapped(pair.target, 24, lines=2), 7, "black", "bold"),
        (0.60, "what rises with it", 6, GREY, "normal"),
        (0.48, wrapped(pair.confounder, 24, lines=2), 7, _kind_colour(pair), "bold"),
        (0.17, f"+{pair.effect:.1f} SD{witness}", 5.5, GREY, "normal"),
        (0.06, f"alone it raises the score by {pair.response:.1f} SD", 5.5, GREY, "normal"),
    ]
    for y, text, size, colour, weight in lines:
        axes.text(0, y, text, fontsize=size, color=colour, weight=weight, va="top", transform=axes.transAxes)
