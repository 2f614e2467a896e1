"""Draw the figures that `figures.names` asks for, in one process: starting one costs more than drawing."""

from diffchest import paths
from diffchest.figures.registry import chosen, save_figure
from diffchest.figures.settings import FigureParams as Params
from diffchest.progress import progress, run, summary


def main() -> None:
    """Write `reports/figures/<name>.png` for each name."""
    params = Params.load()
    names = chosen(params.figures.names)
    for name in progress(names, desc="draw", unit="figures"):
        save_figure(name, params, paths.FIGURES / f"{name}.png")
    summary("figures", f"{len(names)} figures in {paths.FIGURES}")


if __name__ == "__main__":
    run(main)
