"""One stored test phantom per drawn finding, with its name: what the pictures of the embedded default show."""

import math

import pandas as pd
from matplotlib.figure import Figure

from diffchest import paths
from diffchest.contracts.dataset import Dataset
from diffchest.contracts.image_store import ImageStore
from diffchest.figures.frame import new_figure
from diffchest.figures.settings import FigureParams
from diffchest.figures.style import GREY, WIDTH, NothingToDrawError, show_identified, wrapped
from diffchest.findings.disease_free import disease_free
from diffchest.findings.vocabulary import DRAWN

COLUMNS = 9
TITLE, CAPTION = 9.0, 19.0  # mm: four lines of an id, three of a name, and how many others are there


def draw(params: FigureParams) -> Figure:
    """Draw a gallery of test phantoms; a notice on real radiographs, which a gallery must not spread."""
    if not params.on_phantoms:
        raise NothingToDrawError(f"the test radiographs of {params.dataset} are real, and a gallery would spread them")
    chosen = choose_examples(Dataset.read(params.dataset).labels("test"))
    if not chosen:
        raise NothingToDrawError("no test radiograph shows a drawn finding; draw more: phantom.labelled_images")
    pictures = ImageStore(paths.IMAGES).read([image_id for image_id, _ in chosen.values()])
    rows = math.ceil(len(chosen) / COLUMNS)
    height = TITLE + rows * (WIDTH / COLUMNS + CAPTION)
    figure = new_figure("One example of each drawn finding", params, height=height)
    figure.set_layout_engine("none")  # seconds faster than solving for the place of this many axes
    space = {"left": 0.005, "right": 0.995, "top": 1 - TITLE / height, "bottom": CAPTION / height}
    space |= {"wspace": 0.06, "hspace": CAPTION / (WIDTH / COLUMNS)}
    grid = figure.subplots(rows, COLUMNS, squeeze=False, gridspec_kw=space).ravel()
    for axes, (finding, (image_id, others)), picture in zip(grid, chosen.items(), pictures, strict=False):
        show_identified(axes, picture, image_id, side=WIDTH / COLUMNS - 2, caption=wrapped(finding, 16, lines=3))
        axes.xaxis.label.set_fontsize(5.6)
        if others:
            axes.set_title(f"+ {others} other{'s' if others > 1 else ''}", fontsize=4.8, color=GREY, pad=1)
    for axes in grid[len(chosen) :]:
        axes.set_axis_off()
    return figure


def choose_examples(labels: pd.DataFrame) -> dict[str, tuple[str, int]]:
    """For each drawn finding the radiograph with the fewest other drawn findings: its id and how many those are.

    A disease-free radiograph comes first, as "normal". labels: 1, 0 or NaN, indexed by image id.
    """
    present = labels[[finding for finding in DRAWN if finding in labels.columns]] == 1
    count = present.sum(axis=1)
    chosen: dict[str, tuple[str, int]] = {}
    healthy = labels.index[disease_free(labels)]
    if len(healthy):
        chosen["normal"] = (min(healthy), 0)
    for finding in present.columns:
        candidates = count[present[finding]].sort_index()
        if len(candidates):
            chosen[finding] = (str(candidates.idxmin()), int(candidates.min()) - 1)
    return chosen
