"""The curves of some commits or experiments on top of one another, as a picture that needs no internet.

python -m diffchest.report.curves workspace HEAD my-experiment --out curves.png

Which curves: `plots` of dvc.yaml, from which `dvc plots diff` makes pages whose scripts are fetched from the internet.
"""

import argparse
import io
import subprocess
from pathlib import Path
from typing import Any

import pandas as pd
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from diffchest.errors import DataError
from diffchest.files.yaml import read_yaml
from diffchest.progress import run, summary

PIPELINE = Path("dvc.yaml")
WORKSPACE = "workspace"  # the files as they lie there, as DVC calls it
MOST_COLUMNS = 3  # plots beside one another
STYLES = ("-", "--", ":", "-.")  # of the curves of one commit in one plot
Plot = tuple[str, Path, str, list[str], bool]


def read_plots(path: Path = PIPELINE) -> list[Plot]:
    """Every entry of `plots`: (title, table, x, ys, points alone)."""
    return [_plot(name, said) for entry in read_yaml(path)["plots"] for name, said in entry.items()]


def _plot(name: str, said: dict[str, Any]) -> Plot:
    x, y = said["x"], said["y"]
    if isinstance(x, dict):
        ((name, x),) = x.items()
        y = y[name]
    return said["title"], Path(name), x, [y] if isinstance(y, str) else list(y), said.get("template") == "scatter"


def read_at(path: Path, revision: str) -> pd.DataFrame | None:
    """A table as it is in a commit, a branch, a DVC experiment by name or in the workspace; None where it is not there.

    Raises `DataError` for a revision that git does not know.
    """
    if revision == WORKSPACE:
        return pd.read_csv(path) if path.is_file() else None
    found = _git("show", f"{_commit(revision)}:{path.as_posix()}")
    return pd.read_csv(io.StringIO(found)) if found else None


def _commit(revision: str) -> str:
    if found := _git("rev-parse", "--verify", "--quiet", f"{revision}^{{commit}}"):
        return found.strip()
    experiments = (_git("for-each-ref", "--format=%(objectname) %(refname)", "refs/exps") or "").splitlines()
    named = [line.split()[0] for line in experiments if line.endswith(f"/{revision}")]
    if not named:
        raise DataError(f"{revision}: no commit, branch or experiment; see `git log --oneline`, `dvc exp show`")
    return named[-1]


def _git(*command: str) -> str | None:
    result = subprocess.run(["git", *command], capture_output=True, encoding="utf-8", check=False)
    return result.stdout if result.returncode == 0 else None


def draw_curves(plots: list[Plot], revisions: list[str]) -> Figure:
    """A plot for each entry, with a colour for each revision and a line style for each of its curves."""
    tables = {(path, revision): read_at(path, revision) for _, path, *_ in plots for revision in revisions}
    rows = -(-len(plots) // MOST_COLUMNS)
    figure = Figure(figsize=(5 * MOST_COLUMNS, 3.6 * rows), layout="constrained")
    axes = figure.subplots(rows, MOST_COLUMNS, squeeze=False).ravel()
    for one, (title, path, x, columns, points) in zip(axes, plots, strict=False):
        one.set(title=title, xlabel=x)
        for number, revision in enumerate(revisions):
            table = tables[path, revision]
            if table is not None and {x, *columns} <= set(table):
                _draw(one, table, x, columns, revision, number, points=points)
        if one.lines:
            one.legend(fontsize=6)
    for unused in axes[len(plots) :]:
        unused.remove()
    return figure


def _draw(
    axes: Axes, table: pd.DataFrame, x: str, columns: list[str], revision: str, number: int, *, points: bool
) -> None:
    many = len(columns) > len(STYLES)  # told apart by how pale they are, in the order of dvc.yaml
    for place, column in enumerate(columns):
        style = "" if points else "-" if many else STYLES[place]
        label = f"{revision}: {column}" if not many else f"{revision}, pale first" if place == 0 else None
        axes.plot(
            table[x],
            table[column],
            color=colormaps["tab10"](number % 10),
            alpha=(place + 2) / (len(columns) + 1) if many else 1.0,
            linestyle=style,
            marker="." if points else None,
            linewidth=1,
            label=label,
        )


def main() -> None:
    """Draw the curves of the revisions that the command line names."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("revisions", nargs="*", default=[WORKSPACE], help="commits, experiments, workspace")
    parser.add_argument("--out", type=Path, default=Path("curves.png"), help="the picture, PNG, SVG or PDF")
    options = parser.parse_args()
    draw_curves(read_plots(), options.revisions).savefig(options.out, dpi=120)
    summary("curves", f"{', '.join(options.revisions)} in {options.out}")


if __name__ == "__main__":
    run(main)
