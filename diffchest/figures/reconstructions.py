"""Figure S6: radiographs, their reconstructions, and the noise x_T that carries what z does not."""

import pandas as pd
from matplotlib.figure import Figure

from diffchest import paths
from diffchest.figures.explained import first_of, read_explained
from diffchest.figures.frame import new_figure
from diffchest.figures.settings import FigureParams
from diffchest.figures.style import WIDTH, footnote, show_code, show_picture

SHOWN = 6
LABELS = 12.0  # mm left for the names of the rows


def draw(params: FigureParams) -> Figure:
    """Draw original, reconstruction and x_T of each radiograph, one column each."""
    explained = read_explained()
    columns = min(SHOWN, len(explained.image_id))
    side = min((WIDTH - LABELS) / columns, 44.0)
    figure = new_figure("Original, reconstruction and stochastic code", params, height=20 + 3 * side)
    grid = figure.subplots(3, columns, squeeze=False)
    for column in range(columns):
        show_picture(grid[0, column], explained.original[column])
        error = abs(explained.reconstruction[column].astype(float) - explained.original[column]).mean() / 255
        show_picture(grid[1, column], explained.reconstruction[column], f"mean absolute error {error:.4f}")
        show_code(grid[2, column], explained.x_T[column])
    for axes, name in zip(grid[:, 0], ("original", "reconstruction", "$x_T$"), strict=True):
        axes.set_ylabel(name, fontsize=7)
    numbers = pd.read_csv(paths.table("reconstruction"))
    if len(numbers):
        means = numbers[["mae", "psnr", "ssim"]].mean()
        exact = int((numbers["mae"] == 0).sum())
        psnr = "all exact" if exact == len(numbers) else f"PSNR {means['psnr']:.1f} dB"
        psnr += f" (without {exact} exact ones)" if 0 < exact < len(numbers) else ""
        cut = first_of(columns, len(explained.image_id), "radiographs shown")
        footnote(
            figure,
            f"{len(numbers)} test radiographs: mean absolute error {means['mae']:.4f} of the gray range, "
            f"{psnr}, SSIM {means['ssim']:.3f}{cut}",
        )
    return figure
