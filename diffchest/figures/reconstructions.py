"""Figure S6: radiographs, their reconstructions, the noise x_T that carries what z does not, and z with a new x_T."""

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from diffchest import paths
from diffchest.contracts.explained import Reconstructions
from diffchest.figures.explained import first_of
from diffchest.figures.frame import new_figure
from diffchest.figures.settings import FigureParams
from diffchest.figures.style import WIDTH, footnote, show_code, show_identified, show_picture

SHOWN = 6
LABELS = 12.0  # mm left for the names of the rows
NEW_X_T = "same z,\nnew $x_T$"


def draw(params: FigureParams) -> Figure:
    """Draw original, reconstruction, x_T, and the same z from a new x_T of each radiograph, one column each."""
    made = Reconstructions.load(paths.RECONSTRUCTIONS)
    columns = min(SHOWN, len(made.image_id))
    side = min((WIDTH - LABELS) / columns, 44.0)
    figure = new_figure("Original, reconstruction and stochastic code", params, height=28 + 4 * (side + 2))
    grid = figure.subplots(4, columns, squeeze=False)
    for column in range(columns):
        original = made.original[column]
        show_identified(grid[0, column], original, made.image_id[column], side=side)
        show_picture(grid[1, column], made.reconstruction[column], _error(made.reconstruction[column], original))
        show_code(grid[2, column], made.x_T[column])
        show_picture(grid[3, column], made.redrawn[column], _error(made.redrawn[column], original))
    for axes, name in zip(grid[:, 0], ("original", "reconstruction", "$x_T$", NEW_X_T), strict=True):
        axes.set_ylabel(name, fontsize=7)
    numbers = pd.read_csv(paths.table("reconstruction"))
    means = numbers.drop(columns="image_id").mean()
    exact = int((numbers["mae"] == 0).sum())
    psnr = "all exact" if exact == len(numbers) else f"PSNR {means['psnr']:.1f} dB"
    psnr += f" (without {exact} exact ones)" if 0 < exact < len(numbers) else ""
    footnote(
        figure,
        f"{len(numbers)} test radiographs: mean absolute error {means['mae']:.4f} of the gray range, {psnr}, SSIM "
        f"{means['ssim']:.3f}; x_T carries what z does not: the same z from a new x_T has {means['mae_new_x_T']:.4f} "
        f"and SSIM {means['ssim_new_x_T']:.3f}{first_of(columns, len(made.image_id), 'radiographs shown')}",
    )
    return figure


def _error(picture: np.ndarray, original: np.ndarray) -> str:
    return f"mean abs. error {np.abs(picture.astype(float) - original).mean() / 255:.4f}"
