"""Draw every figure of `figures.names`, in one process: starting one costs more than drawing."""

from diffchest import paths
from diffchest.figures.registry import check_names, save_figure
from diffchest.figures.settings import FigureParams as Params
from diffchest.progress import progress, run, summary


def main() -> None:
    """Write `reports/figures/<name>.png` for each name."""
    params = Params.load()
    names = params.figures.names
    check_names(names)
    for name in progress(names, desc="draw", unit="figures"):
        save_figure(name, params, paths.FIGURES / f"{name}.png")
    summary("figures", f"{len(names)} figures in {paths.FIGURES}")


if __name__ == "__main__":
    run(main)
