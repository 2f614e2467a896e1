"""Does the audit follow the truth: how strongly devices go with findings, and what the confounder audit says of it.

    python -m benchmarks.studies.confounding_dose [--doses 0 natural strong] [--seeds 0] [--jobs 1]
        [--work FOLDER] [--set KEY=VALUE ...]

Runs the default pipeline from the phantoms to the audit for each `phantom.confounding` and pretraining seed, each in a
folder of its own, with nothing else changed; a run whose audit is there is not repeated. Prints Markdown tables over a
fixed set of pairs: those with a device that the natural labels plant, apart by whether the target is a device itself,
and as a control all other pairs with a device. Needs `data/tables` (`dvc repro tables`); on a GPU with `--set
runtime.device=cuda`.
"""

import argparse
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.stats import spearmanr

from benchmarks.measuring import markdown, provenance
from diffchest import paths
from diffchest.files.yaml import editable_text, parse_yaml, read_mapping
from diffchest.findings.vocabulary import KIND
from diffchest.params.base import OURS
from diffchest.params.whole import Params
from diffchest.stats.ratio import bootstrap_ratio

ROOT = Path(__file__).resolve().parents[2]
AUDIT = paths.table("confounders")
PAIR = ["target", "confounder"]
MEANS = ["p_b_given_a", "lift", "effect", "prevalence_rise", "cace", "response", "flagged"]


def prepare(work: Path, dose: str, seed: int, settings: list[str], cores: int) -> list[list[str]]:
    """Make the folder of a run; returns the commands of its stages."""
    work.mkdir(parents=True, exist_ok=True)
    raw = read_mapping(ROOT / "params.yaml")
    given = [f"phantom.confounding={dose}", f"pretrain.seed={seed}", f"runtime.workers={cores}", *settings]
    for key, text in (setting.split("=", 1) for setting in given):
        *sections, name = key.split(".")
        section = raw
        for part in sections:
            section = section[part]
        section[name] = parse_yaml(text, source=key)
    raw["classifiers"] = {OURS: {"kind": "own"}}  # whose audit is compared; others are trained and judged elsewhere
    params = Params.parse(raw, source=f"{work}/params.yaml")
    given_before = work / "params.yaml"
    if given_before.exists() and (work / AUDIT).exists() and read_mapping(given_before) != raw:
        sys.exit(f"{work}: its audit was made with other parameters; delete the folder, or give another --work")
    given_before.write_text(editable_text(raw), encoding="utf-8")
    tables = work / paths.PUBLIC_TABLES
    if not tables.exists():
        tables.parent.mkdir(parents=True, exist_ok=True)
        tables.symlink_to(ROOT / paths.PUBLIC_TABLES)
    ingest = [["ingest", dataset] for dataset in params.cohorts.datasets]
    after = ["split", "build_lmdb", "pretrain", "extract_latents", "fit_head", "fit_moves"]
    after += ["draw_twins", "draw_interventions", f"score_classifier {OURS}", f"draw_audit {OURS}", "confounders"]
    return [["phantom"], *ingest, *(stage.split() for stage in after)]


def audit(work: Path, dose: str, seed: int, settings: list[str], cores: int) -> pd.DataFrame:
    """Run the stages whose results are not there; returns the audit's pairs."""
    commands = prepare(work, dose, seed, settings, cores)
    path = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))
    environment = os.environ | {"OMP_NUM_THREADS": str(cores), "PYTHONPATH": path}
    if not (work / AUDIT).exists():
        with (work / "log.txt").open("w", encoding="utf-8") as log:
            for stage, *arguments in commands:
                command = [sys.executable, str(ROOT / "stages" / f"{stage}.py"), *arguments]
                if subprocess.run(command, cwd=work, env=environment, stdout=log, stderr=log, check=False).returncode:
                    tail = (work / "log.txt").read_text(encoding="utf-8")[-2000:]
                    sys.exit(f"{work}: stage {stage} failed; the end of log.txt:\n{tail}")
    return pd.read_csv(work / AUDIT).assign(dose=dose, seed=seed)


def dose_tables(audits: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """What the audit says of the planted and of the other pairs with a device, by dose; and run by run.

    audits: the audits' pairs, with dose and seed.
    """
    devices = audits[audits["kind"] == "treatment"]
    everywhere = devices.groupby(PAIR)["dose"].nunique() == devices["dose"].nunique()
    natural = devices[devices["dose"] == "natural"].groupby(PAIR)["planted"].first()
    groups, runs = [], []
    for dose, of_dose in devices.groupby("dose", sort=False):
        mean = of_dose.groupby(PAIR)[MEANS].mean()
        mean = mean[everywhere.reindex(mean.index)]
        planted = natural.reindex(mean.index).astype(bool)
        device = np.array([KIND[target] == "treatment" for target, _ in mean.index])
        for name, rows in (
            ("finding, device; planted", planted & ~device),
            ("device, device; planted", planted & device),
            ("the others", ~planted),
        ):
            chosen = mean[rows].reset_index()
            effect = bootstrap_ratio(
                chosen[["effect"]], chosen[["effect"]] * 0 + 1, groups=chosen["confounder"].to_numpy(), seed=0
            )
            groups.append(
                {
                    "pairs": f"{len(chosen)} {name}",
                    "dose": dose,
                    "P(B\\|A)": f"{chosen['p_b_given_a'].mean():.2f}",
                    "lift, median": f"{chosen['lift'].median():.1f}",
                    "effect, SD": f"{effect.value[0]:.2f} ({effect.low[0]:.2f} to {effect.high[0]:.2f})",
                    "rise of the prevalence": f"{chosen['prevalence_rise'].mean():.3f}",
                    "CaCE, SD": f"{chosen['cace'].mean():.3f}",
                    "response, SD": f"{chosen['response'].mean():.3f}",
                    "flagged": f"{chosen['flagged'].mean():.0%}",
                }
            )
        for seed, run in of_dose.groupby("seed"):
            correlation: float = spearmanr(run["lift"], run["effect"], nan_policy="omit").statistic
            runs.append({"dose": str(dose), "seed": seed, "Spearman, lift and effect": f"{correlation:.2f}"})
    return pd.DataFrame(groups).sort_values("pairs", kind="stable"), pd.DataFrame(runs)


def main() -> None:
    """Run what is missing and print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--doses", nargs="+", default=["0", "natural", "strong"], choices=["0", "natural", "strong"])
    parser.add_argument("--seeds", nargs="+", type=int, default=[0])
    parser.add_argument("--jobs", type=int, default=1, help="runs at the same time")
    parser.add_argument("--work", type=Path, default=ROOT / "runs" / "dose")
    parser.add_argument("--set", nargs="*", default=[], metavar="KEY=VALUE", help="other parameters of every run")
    options = parser.parse_args()
    if "natural" not in options.doses:
        parser.error("--doses must include natural: its labels say which pairs are planted")
    cores = max(1, (os.cpu_count() or 1) // options.jobs)
    runs = [(dose, seed) for dose in options.doses for seed in options.seeds]
    with ThreadPoolExecutor(options.jobs) as pool:
        started = [
            pool.submit(audit, options.work / f"{dose}-{seed}", dose, seed, options.set, cores) for dose, seed in runs
        ]
        audits = pd.concat([run.result() for run in started], ignore_index=True)
    by_dose, by_run = dose_tables(audits)
    of_run = []
    for dose, seed in runs:
        found = pd.read_json(options.work / f"{dose}-{seed}" / paths.stage_metrics("confounders"), typ="series")
        scores = {name: found["cace"][name] for name in ("average_precision", "spearman", "precision", "recall")}
        of_run.append({"dose": dose, "seed": seed, **scores})
    by_run = by_run.merge(pd.DataFrame(of_run).round(2), on=["dose", "seed"])
    tables = ([list(table.columns), *table.astype(str).to_numpy().tolist()] for table in (by_dose, by_run))
    print(provenance(), *(markdown(table) for table in tables), sep="\n\n")


if __name__ == "__main__":
    main()
