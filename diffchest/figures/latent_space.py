"""Extended data figure 1b: the latents of the test radiographs in two dimensions."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from diffchest import paths
from diffchest.contracts.dataset import Dataset
from diffchest.contracts.latents import Latents
from diffchest.figures.explained import rest_of
from diffchest.figures.frame import new_figure
from diffchest.figures.settings import FigureParams
from diffchest.figures.style import CYCLE, GREY, LIGHT, RED, NothingToDrawError, footnote

FINDINGS = 5  # panels of findings, after the one of views
SHOWN = 4000  # points


def draw(params: FigureParams) -> Figure:
    """Draw the first two principal components of z, coloured by view and by the first targets of `explain`."""
    dataset = Dataset.read(params.dataset)
    test, labels = dataset.rows("test"), dataset.labels("test")
    if len(test) < 3:
        raise NothingToDrawError(f"{params.dataset} has {len(test)} test radiographs, too few to draw")
    plane, explained = principal_plane(Latents.load(paths.LATENTS).select(test["image_id"].tolist()))
    keep = np.random.default_rng(0).permutation(len(test))[:SHOWN]
    plane, test, labels = plane[keep], test.iloc[keep], labels.iloc[keep]

    labelled = [target for target in params.targets if (labels.get(target) == 1).any()]
    findings = labelled[:FINDINGS]
    figure = new_figure("Semantic latent z of the test radiographs", params, height=128)
    grid = figure.subplots(2, 3, sharex=True, sharey=True).ravel()
    size = float(np.clip(3000 / len(test), 1.5, 14))  # points of few radiographs are larger
    _draw_views(grid[0], plane, test["view"].to_numpy(), size)
    for axes, finding in zip(grid[1:], findings, strict=False):
        _draw_finding(axes, plane, finding, (labels[finding] == 1).to_numpy(), size)
    for axes in grid[1 + len(findings) :]:
        axes.set_visible(False)
    others = f"coloured: explain.targets in the labels{rest}" if (rest := rest_of(FINDINGS, labelled)) else ""
    across = f"first principal component ({explained[0]:.0%} of the variance)"
    footnote(figure, "; ".join(said for said in (across, others) if said))
    figure.supylabel(f"second principal component ({explained[1]:.0%})", fontsize=7)
    return figure


def principal_plane(z: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Project z [N, d], standardised per dimension, on its first two principal components.

    Returns [N, 2] and the fractions of the variance explained [2]; signs are such that each component's largest
    loading is positive.
    """
    sd = z.std(axis=0)
    standardised = (z - z.mean(axis=0)) / np.where(sd > 0, sd, 1.0)
    variance, axes = np.linalg.eigh(standardised.T.astype(np.float64) @ standardised)
    axes = axes[:, [-1, -2]]
    axes *= np.sign(axes[np.abs(axes).argmax(axis=0), [0, 1]])
    return standardised @ axes, variance[[-1, -2]] / variance.sum()


def _draw_views(axes: Axes, plane: np.ndarray, views: np.ndarray, size: float) -> None:
    axes.set_title("view", loc="left")
    names = pd.Series(views).value_counts()
    for name, colour in zip(names.index, CYCLE, strict=False):
        inside = views == name
        label = f"{name or 'not known'} ({inside.sum():,})"
        axes.scatter(*plane[inside].T, s=1.3 * size, color=colour, alpha=0.5, linewidths=0, label=label)
    axes.legend(markerscale=max(1.0, 4 / size), loc="best", handletextpad=0.1, borderpad=0.1)


def _draw_finding(axes: Axes, plane: np.ndarray, finding: str, positive: np.ndarray, size: float) -> None:
    axes.set_title(f"{finding} ({positive.sum():,})", loc="left")
    axes.scatter(*plane[~positive].T, s=size, color=LIGHT, linewidths=0)
    axes.scatter(*plane[positive].T, s=max(5.0, 1.3 * size), color=RED, alpha=0.8, linewidths=0)
    axes.tick_params(colors=GREY)
