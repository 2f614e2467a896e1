"""Everything the figures and the report read, made up in the form the other stages write."""

import itertools
import json

import lmdb
import numpy as np
import pandas as pd

from diffchest import paths
from diffchest.contracts.explained import MACRO, Explained, Failures, Sweep
from diffchest.contracts.image_store import RECORD, STORE_VERSION
from diffchest.contracts.labels import write_labels
from diffchest.contracts.manifest import write_manifest
from diffchest.contracts.responses import Responses
from diffchest.contracts.twins import Twins
from diffchest.counterfactuals.quality import JUDGE, MEASURES
from diffchest.counterfactuals.twin_quality import ADDED, REMOVED, TWIN_MEASURES
from diffchest.files.tables import write_metrics, write_table
from diffchest.findings.vocabulary import DRAWN, KIND
from diffchest.params.whole import Params
from diffchest.phantom.render import draw

NOT_DRAWN = ("heart insufficiency", "hilar congestion", "kyphosis", "vertebral degenerative changes", "catheter")
SIZE = 48
ROC = 21  # points of each curve

FLOW = [
    ("padchest", "listed in the table", 160861, 67625),
    ("padchest", "excluded: image id occurs more than once; the first row counts", 21, 19),
    ("padchest", "excluded: not frontal", 50207, 43008),
    ("padchest", "frontal (PA, AP, AP_horizontal)", 110633, 67213),
    ("padchest", "excluded: not labelled by a physician, of a patient with a radiograph that is", 15903, 8721),
    ("padchest", "patients without a radiograph labelled by a physician", 68298, 43008),
    ("padchest", "labelled by a physician", 26432, 24239),
    ("padchest", "pretrain, listed", 68298, 43008),
    ("padchest", "finetune, listed", 18504, 16967),
    ("padchest", "test, listed", 7928, 7272),
    ("padchest", "excluded: image not present", 56298, 31008),
    ("padchest", "pretrain", 12000, 8120),
    ("padchest", "finetune", 18504, 16967),
    ("padchest", "test", 7928, 7272),
    ("chexpert", "listed in the training table", 223414, 64540),
    ("chexpert", "excluded: not frontal", 32387, 23633),
    ("chexpert", "frontal", 191027, 64534),
    ("chexpert", "test studies", 500, 500),
    ("chexpert", "pretrain, listed", 191027, 64534),
    ("chexpert", "test, listed", 500, 500),
    ("chexpert", "excluded: image not present", 185027, 62000),
    ("chexpert", "pretrain", 6000, 2534),
    ("chexpert", "test", 500, 500),
    ("mimic_cxr", "listed in the metadata table", 6000, 900),
    ("mimic_cxr", "excluded: not frontal", 1800, 700),
    ("mimic_cxr", "frontal (AP, PA)", 4200, 880),
    ("mimic_cxr", "excluded: official validation and test splits", 200, 40),
    ("mimic_cxr", "official training split", 4000, 840),
    ("mimic_cxr", "pretrain, listed", 4000, 840),
    ("mimic_cxr", "excluded: image not present", 0, 0),
    ("mimic_cxr", "pretrain", 4000, 840),
]
DECODING_FLOW = [
    ("padchest", "excluded: image cannot be decoded", 21, 20),
    ("padchest", "finetune", 18480, 16961),
    ("padchest", "test", 7931, 7270),
    ("chexpert", "excluded: image cannot be decoded", 0, 0),
]


def write_inputs(params: Params, *, images: int = 120) -> None:
    """Write all of it below the working directory."""
    rng = np.random.default_rng(0)
    _write_images(params, rng, images)
    _write_numbers(params, rng)
    _write_pretraining(rng)
    _write_explanations(params)
    _write_audit(params, rng)
    _write_readers(rng)


def write_csv(name: str, **columns) -> None:
    """Write a table; columns without values make it header-only."""
    write_table(paths.table(name), pd.DataFrame(columns))


def phantom(findings: list[str], number: int) -> np.ndarray:
    """One drawn radiograph, uint8 [SIZE, SIZE]."""
    return np.rint(draw(findings, patient=str(number), image="0", size=SIZE) * 255).astype(np.uint8)


def _write_pretraining(rng: np.random.Generator) -> None:
    pictures = rng.integers(0, 256, (3, 3, 2, SIZE, SIZE), dtype=np.uint8)
    np.savez(paths.PRETRAIN_PICTURES, images_shown=[10, 20, 30], pictures=pictures)
    levels = np.linspace(-10, 9, 5)
    errors = {f"mse_{name}": rng.random(5) for name in ("own", "other", "average", "reencoded", "reference")}
    write_table(paths.PLOTS / "information.csv", pd.DataFrame({"log_snr": levels, **errors}))


def _write_images(params: Params, rng: np.random.Generator, images: int) -> None:
    dataset = params.evaluation.dataset
    ids = [f"{dataset}/{number:05d}.png" for number in range(images)]
    findings = [*DRAWN, *NOT_DRAWN]
    labels = pd.DataFrame((rng.random((images, len(findings))) < 0.04) * 1.0, index=ids, columns=findings)
    labels["normal"] = (labels.sum(axis=1) == 0) * 1.0
    write_labels(paths.labels(dataset), labels.astype("float32"), blank_is_negative=False, uncertain="zeros")
    manifest = pd.DataFrame({"image_id": ids, "dataset": dataset, "patient_id": ids, "study_id": "", "source": "x"})
    manifest["view"] = np.where(rng.random(images) < 0.3, "AP_horizontal", "PA")
    manifest = manifest.assign(sex="F", age=60.0, role="test", bits_stored=0, inverted=False)
    write_manifest(paths.STORED_MANIFEST, manifest)
    with (
        lmdb.open(str(paths.IMAGES), subdir=False, map_size=2**26) as environment,
        environment.begin(write=True) as put,
    ):
        for number, image_id in enumerate(ids):
            shown = [name for name in DRAWN if labels.loc[image_id, name]]
            put.put(image_id.encode(), phantom(shown, number).tobytes())
        put.put(RECORD, json.dumps({"version": STORE_VERSION, "size": SIZE, "codec": "raw", "images": images}).encode())
    z = rng.normal(size=(images, 16)).astype("float32")
    z[:, 0] += 3 * (manifest["view"] == "PA")
    z[:, 1] += 4 * labels["pleural effusion"].to_numpy()
    np.savez(paths.LATENTS, image_id=np.array(ids), z=z, model_sha256=np.array("0"))


def _write_numbers(params: Params, rng: np.random.Generator) -> None:
    write_csv("study_flow", **pd.DataFrame(FLOW, columns=["dataset", "step", "images", "patients"]))
    write_csv("decoding_flow", **pd.DataFrame(DECODING_FLOW, columns=["dataset", "step", "images", "patients"]))
    write_csv(
        "positives", dataset=["padchest"], finding=["cardiomegaly"], role=["test"], positives=[700], images=[7928]
    )
    shown = np.linspace(3200, 96000, 30)
    loss = pd.DataFrame({"images": shown, "train_loss": 0.05 + 600 / shown, "validation_loss": 0.052 + 610 / shown})
    write_table(paths.PLOTS / "pretrain_loss.csv", loss)

    findings = [*DRAWN, *NOT_DRAWN]
    auc = np.sort(rng.uniform(0.6, 0.99, len(findings)))[::-1]
    positives = rng.integers(31, 900, len(findings))
    half = 0.9 / np.sqrt(positives)
    ours = {"finding": findings, "n": 7928, "positives": positives, "auc": auc, "low": auc - half}
    ours |= {"high": np.minimum(auc + half, 1.0)}
    rival = auc - rng.uniform(-0.05, 0.25, len(findings))
    pca = ours | {"auc": rival, "low": rival - half, "high": rival + half}
    rows = [pd.DataFrame(table).assign(model=model) for model, table in (("diffchest", ours), ("pca", pca))]
    both = pd.concat(rows).assign(undefined_redraws=0)
    both["drawn"] = both["finding"].isin(DRAWN) & (params.evaluation.dataset in params.phantom.datasets)
    columns = ["model", "finding", "n", "positives", "auc", "low", "high", "undefined_redraws", "drawn"]
    write_csv("auc", **both[columns])
    comparison = pd.DataFrame(ours)
    comparison = comparison.assign(reference_auc=rival, reference_low=rival - half, reference_high=rival + half)
    comparison = comparison.assign(difference=auc - rival, difference_low=auc - rival - half)
    comparison = comparison.assign(
        difference_high=auc - rival + half, p_value=1e-4, p_holm=4e-3, p_bh=2e-4, p_delong=1e-5
    )
    write_csv("comparison", **comparison)
    _write_groups(findings)
    write_csv("published_audit", claim=["mean AUC of CheXzero"], text=[0.681], recomputed=[0.729])
    macro = {"macro_auc": auc.mean(), "macro_auc_low": auc.mean() - 0.01, "macro_auc_high": auc.mean() + 0.01}
    drawn = {f"drawn_{name}": value + 0.04 for name, value in macro.items()} | {"not_drawn_macro_auc": 0.68}
    model = (
        macro | drawn | {"at_least_0.9": 12, "findings": len(findings), "auc": dict(zip(findings, auc, strict=True))}
    )
    write_metrics(paths.stage_metrics("evaluate"), {"diffchest": model, "pca": model | {"macro_auc": rival.mean()}})
    write_metrics(paths.stage_metrics("compare"), {"wins": 40, "ties": 1, "losses": 6, "mean_difference": 0.1})
    write_metrics(paths.stage_metrics("fit_head"), {"findings": 193, "fitted": 150, "patients": 16967, "images": 18504})
    _write_data_efficiency(params)


def _write_groups(findings: list[str]) -> None:
    """Tables of the stages `subgroups` and `calibration`."""
    groups = [(a, g) for a, names in (("sex", "FM"), ("age", ("<40", "40-59", ">=60"))) for g in names]
    rows = [(a, g, f, 0.6 + 0.3 * (len(f) % 7) / 7) for a, g in groups for f in findings]
    table = pd.DataFrame(rows, columns=["attribute", "group", "finding", "auc"]).assign(model="diffchest")
    table = table.assign(n=900, positives=90, low=table["auc"] - 0.05, high=table["auc"] + 0.05, undefined_redraws=0)
    write_csv("subgroups", **table)
    gaps = table.drop_duplicates(["attribute", "finding"])[["model", "attribute", "finding"]]
    gaps = gaps.assign(measure="auc", lowest="F", highest="M", gap=0.05, low=0.01, high=0.1)
    write_csv("subgroup_gaps", **gaps.assign(p_value=np.linspace(1e-5, 1, len(gaps)), p_holm=0.04, p_bh=0.02))
    models = list(itertools.product(("diffchest", "pca"), findings))
    calibration = pd.DataFrame(models, columns=["model", "finding"])
    calibration["positives"] = calibration["finding"].map(len) * 10
    write_csv("calibration", **calibration.assign(n=7928, brier=0.02, skill=0.3, slope=1.04))
    p = np.linspace(0.001, 0.8, 10)
    curves = [
        pd.DataFrame({"model": m, "finding": f, "bin": range(1, 11), "n": 792, "predicted": p}) for m, f in models
    ]
    curve = pd.concat(curves)
    observed = curve["predicted"] ** 1.1
    curve = curve.assign(observed=observed, low=observed * 0.9, high=np.minimum(observed * 1.1 + 0.01, 1))
    write_table(paths.PLOTS / "reliability.csv", curve)


def _write_data_efficiency(params: Params) -> None:
    settings = params.data_efficiency
    cells = list(itertools.product(settings.findings, settings.fractions))
    table = pd.DataFrame(cells, columns=["finding", "fraction"])
    table["patients"], table["images"] = (table["fraction"] * 2500).astype(int), (table["fraction"] * 6000).astype(int)
    table["auc"] = 0.9 + 0.05 * np.log10(table["fraction"]) - 0.02 * table["finding"].map(settings.findings.index)
    table["low"], table["high"] = table["auc"] - 0.03, table["auc"] + 0.03
    table["readers_above"], table["readers_below"] = (table["auc"] < 0.85) * 3, (table["auc"] >= 0.85) * 2
    write_csv("data_efficiency", **table)
    fpr = np.linspace(0, 1, ROC)
    curves = [
        pd.DataFrame({"finding": f, "fraction": q, "fpr": fpr, "tpr": fpr ** (0.2 - 0.1 * np.log10(q))})
        for f, q in cells
    ]
    write_table(paths.PLOTS / "data_efficiency_roc.csv", pd.concat(curves))
    points = [
        (f, r, 0.1 + 0.05 * i, 0.7 + 0.05 * i) for f in settings.findings for i, r in enumerate(("bc4", "bc6", "bc8"))
    ]
    write_csv("data_efficiency_readers", **pd.DataFrame(points, columns=["finding", "reader", "fpr", "tpr"]))


def _blurred(pixels: np.ndarray) -> np.ndarray:
    return ((pixels.astype(int) + np.roll(pixels, 1, axis=-1)) // 2).astype(np.uint8)


def _write_explanations(params: Params) -> None:
    targets, patients = params.explain.targets, range(params.explain.patients)
    original = np.stack([phantom([], number) for number in patients])
    moved = np.stack([[_blurred(phantom([target], number)) for target in targets] for number in patients])
    shape = (len(patients), len(targets))
    before = np.linspace(-4, -2, len(patients) * len(targets)).reshape(shape)
    explained = Explained(
        image_id=[f"padchest/{number}.png" for number in patients],
        targets=targets,
        findings=targets,
        original=original,
        reconstruction=_blurred(original),
        counterfactual=moved,
        x_T=np.random.default_rng(1).normal(size=original.shape).astype(np.float16),
        step=np.full(shape, params.explain.step),
        scale=np.ones(shape),
        logits_z=before,
        logits_wanted=before[:, None] + 6 * np.eye(len(targets)),
        logits_before=before,
        logits_after=before[:, None] + 5 * np.eye(len(targets)),
    )
    for path in (paths.SHOWN, paths.EVERY_FINDING):
        explained.save(path)
    Explained.save_all(paths.MEASURED, [explained])
    shown = np.repeat(original[:1], len(targets), axis=0)
    Failures(
        image_id=explained.image_id[:1] * len(targets),
        targets=targets,
        original=shown,
        reconstruction=_blurred(shown),
        counterfactual=moved[0],
        step=explained.step[0],
        logit_wanted=explained.logit_wanted[0],
        logit_before=explained.logit_before[0],
        logit_after=explained.logit_after[0],
        reached=np.linspace(-0.2, 0.6, len(targets)),
        number=np.full(len(targets), 100),
    ).save(paths.FAILURES)
    scale = np.array([0, 0.5, 1, 2])
    steps, length = np.repeat(moved[0][:, None], len(scale), axis=1), np.tile(scale, (len(targets), 1))
    step = params.explain.step * length
    Sweep(["padchest/0.png"], targets, steps, scale, step, step - 4).save(paths.STEP_SWEEP)
    _write_twins(explained)
    _write_quality(targets)


def _write_twins(explained: Explained) -> None:
    """Two placements of each target but the last radiograph's last, which has no twin."""
    pairs = [(row, target) for row in range(len(explained.image_id)) for target in explained.targets][:-1]
    rows = [(*pair, placement) for pair in pairs for placement in (0, 1)]
    picture = np.stack([np.roll(phantom([target], row), -placement, axis=1) for row, target, placement in rows])
    Twins(
        image_id=[explained.image_id[row] for row, _, _ in rows],
        finding=[target for _, target, _ in rows],
        added=np.ones(len(rows), dtype=bool),
        placement=np.array([placement for _, _, placement in rows]),
        picture=picture,
        mask=picture > 0,
    ).save(paths.TWINS)
    counts = {"direction": "added", "radiographs": 4, "twins": 8, "no_op": 0, "implausible": 0}
    write_csv("twins", finding=explained.targets, **counts)
    write_csv("witness", finding=explained.targets, positives=100, negatives=1100, auc=0.98)


def _write_quality(targets: list[str]) -> None:
    """Tables and metrics of the stage `explain`."""
    write_csv("reconstruction", image_id=["a", "b"], mae=[0.012, 0.014], psnr=[34.0, 33.1], ssim=[0.95, 0.94])
    write_csv("counterfactuals", image_id=["a"], target=["pacemaker"], step=[0.6], probability_before=[0.02])
    judges = [(JUDGE, measure) for measure in MEASURES] + list(itertools.product((ADDED, REMOVED), TWIN_MEASURES))
    rows = [(*said, target) for said in judges for target in (*targets, MACRO)]
    quality = pd.DataFrame(rows, columns=["judge", "measure", "target"]).assign(n=100)
    quality["value"] = 0.2 + 0.6 * (quality["target"].map(len) % 5) / 5
    quality = quality.assign(low=quality["value"] - 0.05, high=quality["value"] + 0.05)
    write_csv("counterfactual_quality", **quality[["target", "measure", "n", "value", "low", "high", "judge"]])
    metrics = {"reconstruction": {"mae": 0.013, "psnr": 33.5, "ssim": 0.945}}
    metrics["counterfactuals"] = {"flipped": 0.9, "reached": 0.7, "l1": 0.04, "ssim": 0.8}
    write_metrics(paths.stage_metrics("explain"), metrics)


def _write_audit(params: Params, rng: np.random.Generator) -> None:
    targets, findings = list(DRAWN[:38]), [*DRAWN, *NOT_DRAWN]
    table = pd.DataFrame([(a, b) for a in targets for b in findings if a != b], columns=["target", "confounder"])
    table["kind"] = table["confounder"].map(KIND)
    table["planted"] = (rng.random(len(table)) < 0.03) & (params.evaluation.dataset in params.phantom.datasets)
    table["effect"] = rng.normal(0, 0.25, len(table)) + 2.0 * (rng.random(len(table)) < 0.03) + 1.5 * table["planted"]
    table["low"], table["high"] = table["effect"] - 0.2, table["effect"] + 0.2
    table["p_value"] = table["p_adjusted"] = np.where(table["effect"] > 0.9, 1e-4, 0.5)
    table["flagged"] = table["effect"] > 0.9
    table = table.assign(random_effect=0.05, head_correlation=0.1, p_b_given_a=0.42, lift=3.2)
    table["agrees_with_labels"] = table["planted"]
    write_csv("confounders", **table)
    write_csv("label_cooccurrence", target=["a"], confounder=["b"], positives_a=[72], both=[69], p_b_given_a=[0.958])
    _write_reliance(table)
    Responses(
        image_id=[f"padchest/{number}" for number in range(4)],
        targets=targets,
        findings=findings,
        logits_before=rng.normal(size=(4, len(findings))),
        logits_after=rng.normal(size=(4, len(targets), len(findings))),
        logits_random=rng.normal(size=(4, 2, len(findings))),
        reconstruction=np.stack([phantom([], number) for number in range(4)]),
        counterfactual=np.stack([[phantom([target, "pacemaker"], n) for target in targets] for n in range(4)]),
    ).save(paths.RESPONSES)
    rivals = {"cooccurrence": {"precision": 0.9, "recall": 0.5, "average_precision": 0.7}}
    found = {"precision": 0.8, "recall": 0.6, "average_precision": 0.71, "rivals": rivals}
    write_metrics(paths.stage_metrics("confounders"), found | {"flagged": 60, "planted": 50})


def _write_reliance(audit: pd.DataFrame) -> None:
    """Tables of the stage `reliance`."""
    pairs = audit.loc[audit["flagged"] | audit["planted"], ["target", "confounder", "kind", "flagged"]]
    pairs["source"] = np.where(pairs.pop("flagged"), "audit", "labels")
    pairs["without_auc"] = np.linspace(0.5, 0.9, len(pairs))
    for group, gain in (("", 0.08), ("with_", -0.04)):
        pairs[f"{group}auc"] = pairs["without_auc"] + gain
    pairs.loc[pairs.index[::5], "with_auc"] = np.nan
    for group in ("", "with_", "without_"):
        pairs[f"{group}low"], pairs[f"{group}high"] = pairs[f"{group}auc"] - 0.05, pairs[f"{group}auc"] + 0.05
        pairs[f"{group}positives"] = 40
    pairs["drop"] = pairs["auc"] - pairs["without_auc"]
    pairs["p_bh"] = np.linspace(1e-4, 1, len(pairs))
    write_csv("reliance", **pairs.assign(collapses=pairs["p_bh"] < 0.02))
    write_csv("published_cooccurrence", diagnosis=["a"], confounder=["b"], both_labelled=[69], p_b_given_a=[0.958])
    found = {"audit": {"tested": 104, "drops_bh": 2, "collapses": 0}}
    write_metrics(paths.stage_metrics("reliance"), found)


def _write_readers(rng: np.random.Generator) -> None:
    names = [f"simulated {number}" for number in (1, 2, 3)]
    pairs = [(kind, *two) for kind in ("treatment", "physiology") for two in itertools.combinations(names, 2)]
    table = pd.DataFrame(pairs, columns=["kind", "reader_a", "reader_b"])
    write_csv("reader_pairwise", **table.assign(agree=rng.integers(240, 300, 6), total=303))
    for name, count in (("reader_table_1", 11), ("reader_table_2", 6)):
        kappa = rng.uniform(0.5, 0.95, count)
        columns = {
            "diagnosis": list(DRAWN[-count:]),
            "radiographs": 30,
            "confounder_present": rng.integers(1, 30, count),
        }
        columns |= {"ratio_percent": rng.uniform(5, 100, count), "fleiss_kappa": kappa, "kappa_low": kappa - 0.15}
        columns |= {"kappa_high": np.minimum(kappa + 0.1, 1), "agreement": kappa + 0.05, "readers": "; ".join(names)}
        write_csv(name, **columns)
    case = {"kind": ["treatment"], "diagnosis": ["pneumothorax"], "confounder": ["chest drain tube"]}
    write_csv(
        "reader_discordant", **case, image_id=["padchest/1"], said_present=names[:1], said_absent=["; ".join(names[1:])]
    )
    write_metrics(paths.stage_metrics("reader_study"), {"simulated": True, "readers": 3, "treatment": {"kappa": 0.9}})
