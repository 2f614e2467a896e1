"""What pretraining makes of held-out radiographs, checkpoint by checkpoint."""

import numpy as np
from matplotlib.figure import Figure

from diffchest import paths
from diffchest.figures.frame import new_figure
from diffchest.figures.inputs import cohorts_of
from diffchest.figures.settings import FigureParams
from diffchest.figures.style import WIDTH, NothingToDrawError, show_identified, show_picture
from diffchest.files.arrays import load_arrays

CHECKPOINTS = 5  # shown, of all


def draw(params: FigureParams) -> Figure:
    """Draw each radiograph in a row: original, reconstructions at some checkpoints, the last sample of the same z."""
    arrays = load_arrays(paths.PRETRAIN_PICTURES, stage="pretrain")
    shown, pictures = arrays["images_shown"], arrays["pictures"]  # [C], [C, 3, K, H, W]
    if not len(shown):
        raise NothingToDrawError(f"{paths.PRETRAIN_PICTURES} has no pictures: the network was not trained here")
    chosen = np.unique(np.linspace(0, len(shown) - 1, min(CHECKPOINTS, len(shown))).round().astype(int))
    columns = [("original", pictures[-1, 0])]
    columns += [(f"{shown[index]:,} images", pictures[index, 1]) for index in chosen]
    columns += [("same z, new $x_T$", pictures[-1, 2])]
    side = WIDTH / len(columns)
    rows = pictures.shape[2]
    whose = "held-out" if params.validation_fraction else "training"
    image_ids = [str(image_id) for image_id in arrays["image_id"]]
    title, height = f"Pretraining: {whose} radiographs and their reconstructions", 18 + rows * (side + 5)
    figure = new_figure(title, params, height=height, of=cohorts_of(image_ids))
    grid = figure.subplots(rows, len(columns), squeeze=False)
    for axes, (title, column) in zip(grid.T, columns, strict=True):
        for row, picture in enumerate(column):
            if title == "original":
                show_identified(axes[row], picture, image_ids[row], side=side)
            else:
                show_picture(axes[row], picture)
        axes[0].set_title(title, fontsize=7)
    return figure
