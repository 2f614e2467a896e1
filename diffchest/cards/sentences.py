"""What a run says of itself in sentences, each under a name, for the cards and the checklists; "" where it has none."""

from diffchest.cards.cohorts import Cohort
from diffchest.cards.model import Model
from diffchest.cards.settings import CardParams
from diffchest.params.base import OURS
from diffchest.params.cohorts import TableCohort

FEW_CASES = 20  # test positives below which an interval of an AUC is wide


def sentences(params: CardParams, cohorts: list[Cohort], model: Model) -> dict[str, str]:
    """All of them, by name."""
    evaluated = next(cohort for cohort in cohorts if cohort.evaluated)
    return {
        **_fixed(params, model),
        **_data(params, cohorts, evaluated),
        **_model(params, model),
        **_results(params, model),
        "limits": " ".join(limits(params, cohorts, evaluated, model)),
    }


def _fixed(params: CardParams, model: Model) -> dict[str, str]:
    rejected = f"{params.cohorts.max_rejected_fraction:.1%}"
    return {
        "kind": "A diffusion autoencoder that learns without labels, and a linear classifier on its latent z (deep "
        "learning).",
        "purpose": "Research into what a classifier of chest radiographs responds to. It is no medical device: not for "
        "diagnosis, triage or any decision about a patient.",
        "goal": "Training and evaluation of a classifier, and an audit of what it responds to.",
        "predictors": "The pixels of one frontal radiograph; neither age nor sex nor anything else.",
        "measured": "Nobody: pixels are read from the file.",
        "head": "z is standardised with the mean and SD of the fine-tuning radiographs and enters linearly.",
        "imbalance": "Nothing is weighted or resampled.",
        "no_update": "Nothing is updated after the evaluation: probabilities are those of the head.",
        "output": "A probability for each finding; no threshold is advised.",
        "single": "One model.",
        "software": f"diffchest {model.version}; the other packages are pinned in requirements.lock.",
        "protocol": "Every setting is in params.yaml, every step in dvc.yaml.",
        "rejects": "Files that cannot be decoded and squares of one gray are rejected and counted; a cohort that loses "
        f"more than {rejected} of its images stops the run.",
        "files": "; ".join(f"{name}: SHA-256 {digest}" for name, digest in model.files.items()),
    }


def _data(params: CardParams, cohorts: list[Cohort], evaluated: Cohort) -> dict[str, str]:
    by_role = [
        f"{cohort.name}: " + ", ".join(f"{r.name} {r.images:,} images of {r.patients:,} patients" for r in cohort.roles)
        for cohort in cohorts
    ]
    excluded = [
        f"{cohort.name}: " + ", ".join(f"{reason} ({images:,} images)" for reason, images, _ in cohort.excluded)
        for cohort in cohorts
        if cohort.excluded
    ]
    unknown = [
        f"{cohort.name}: age of {_count(cohort, 'age_unknown')}, sex of {_count(cohort, 'sex_unknown')}, view of "
        f"{_count(cohort, 'view_unknown')} of {_count(cohort, 'images')}"
        for cohort in cohorts
    ]
    shared = sum(int(cohort.pixels.get("equal_across_roles", 0)) for cohort in cohorts)
    labels = "the label decides what is drawn" if evaluated.drawn else evaluated.source["labels"]
    terms = [f"{cohort.name}: {_terms(cohort)}" for cohort in cohorts]
    return {
        "sources": "; ".join(cohort.title for cohort in cohorts) + ".",
        "sizes": "; ".join(by_role) + ".",
        "excluded": "; ".join(excluded) + "." if excluded else "Nobody was left out.",
        "missing": "Not known: " + "; ".join(unknown) + ". A radiograph without a label of a finding is left out "
        "for it.",
        "truth": f"{evaluated.name}: {labels}." if labels else "",
        "split": _split(params),
        "disjoint": "No patient and no file has two roles; the run stops otherwise. Radiographs with the "
        f"pixels of one in another role: {shared:,}.",
        "availability": "Code: MIT licence. Radiographs and labels: " + "; ".join(terms) + ".",
    }


def _terms(cohort: Cohort) -> str:
    return "phantoms, drawn by the pipeline" if cohort.drawn else cohort.source["licence"] or "for its owner to say"


def _count(cohort: Cohort, column: str) -> str:
    return f"{cohort.pixels[column]:,.0f}" if column in cohort.pixels else "?"


def _split(params: CardParams) -> str:
    cohort = params.cohorts[params.dataset]
    if isinstance(cohort, TableCohort) and cohort.split:
        return f"By the column {cohort.split} of the table."
    if getattr(cohort, "use", "probe") == "official":
        return "The official split of the dataset."
    return f"At random by patient, {params.split.test_fraction:.0%} to the test set (seed {params.split.seed})."


def _model(params: CardParams, model: Model) -> dict[str, str]:
    net, noise, size = model.config["model"], model.config["diffusion"], model.config["image_size"]
    parts = model.metric("pretrain", "parameters") or {}
    counted = ", ".join(f"{name} {number:,}" for name, number in parts.items())
    pretrain, probe = params.pretrain, params.probe
    seen = model.metric("pretrain", "images", "shown")
    penalty = "chosen by cross-validation" if probe.l2 == "cv" else f"{probe.l2:g}"
    fitted = [model.metric("fit_head", key) for key in ("fitted", "findings", "images", "patients")]
    head = "{:,} of {:,} findings fitted on {:,} images of {:,} patients".format(*fitted) if all(fitted) else ""
    return {
        "pixels": f"Squares of {size} px: aspect kept, centred on black, 8 bits (docs/cohorts.md, Images).",
        "network": f"U-Net of {net['base_channels']} base channels times {net['channel_multipliers']}, encoder times "
        f"{net['encoder']['channel_multipliers']} to z of {net['latent_dim']} numbers; {size} px, {net['channels']} "
        f"channel(s), pixels folded {net['space_to_depth']} x {net['space_to_depth']}; {noise['timesteps']:,} "
        f"timesteps, {noise['prediction']} prediction." + (f" Parameters: {counted}." if counted else ""),
        "start": f"At random (seed {pretrain.seed}), unless weights were put in place of those of stage pretrain.",
        "training": (f"Pretraining: {seen:,} images shown, " if seen else "Pretraining: ")
        + f"roles {', '.join(pretrain.roles)}, batches of {pretrain.batch_size}, Adam {pretrain.learning_rate:g} after "
        f"{pretrain.warmup_images:,} images of warm-up, average of weights {pretrain.ema_decay:g}, "
        f"{pretrain.precision}. Head: logistic regression, recipe {probe.recipe}, L2 penalty {penalty}"
        + (f", {head}." if head else "."),
        "chosen": "The average of the weights at the end of training; no model was chosen by its test results."
        + (" The penalty of the head is chosen among fine-tuning patients." if probe.l2 == "cv" else ""),
    }


def _results(params: CardParams, model: Model) -> dict[str, str]:
    rules, (fewest, most) = params.evaluation, model.few
    of = (
        f"of {len(model.auc):,} labels with more than {rules.positives_above} positives, and negatives, in test and in "
        "fine-tuning"
    )
    bootstrap = rules.bootstrap
    made = "percentiles of redraws"
    if bootstrap.interval == "score":
        made = "score intervals of single AUCs, percentiles of redraws of all else"
    none = f"No label has more than {rules.positives_above} positives, and negatives, in test and in fine-tuning."
    alone = "No group of patients has enough cases to be compared."
    gaps = [f"{g.measure} by {g.attribute}: {g.significant} of {g.tested} (largest: {g.largest})" for g in model.groups]
    audits = [f"{name}: {flagged:,} of {pairs:,} pairs flagged" for name, pairs, flagged in model.audits]
    return {
        "measures": f"AUC {of} and their mean; Brier score and calibration.",
        "intervals": f"{bootstrap.confidence:.0%} intervals: {made} ({bootstrap.resamples:,} "
        f"redraws by {bootstrap.unit}); paired permutation tests against other models, Holm and Benjamini-Hochberg "
        "across findings.",
        "events": f"Test positives: {fewest:,} to {most:,}, {of}." if most else none,
        "internal": f"Test patients of {params.dataset}, whom the head never saw; pretraining saw the roles "
        f"{', '.join(params.pretrain.roles)}.",
        "external": "No external test: those who trained the head and those who test it are of one cohort, "
        f"{params.dataset}.",
        "auc": mean_auc(model, on_phantoms=params.dataset in params.phantoms),
        "groups": f"Gaps that hold after Holm: {'; '.join(gaps)}." if gaps else alone,
        "calibration": _calibration(model),
        "flagged": "Audit: " + "; ".join(audits) + "." if audits else "",
    }


def mean_auc(model: Model, *, on_phantoms: bool) -> str:
    """The mean AUC with its interval, of how many findings, and how many have too few cases; "" without.

    On phantoms that of the drawn findings, as in the report: the others cannot be seen.
    """
    mean, kind = ("drawn_macro_auc", "drawn findings") if on_phantoms else ("macro_auc", "findings")
    value, low, high, averaged, left_out = (
        model.metric("evaluate", OURS, f"{mean}{end}") for end in ("", "_low", "_high", "_findings", "_left_out")
    )
    if value is None:
        return ""
    text = f"Mean AUC {value:.3f}" + (f" ({low:.3f} to {high:.3f})" if low is not None and high is not None else "")
    if averaged is None:
        return f"{text}."
    return f"{text} of {averaged:,} {kind}" + (f"; {left_out:,} with too few cases left out." if left_out else ".")


def _calibration(model: Model) -> str:
    brier, ratio = (model.metric("calibration", OURS, key) for key in ("brier", "observed_to_expected"))
    if brier is None:
        return ""
    text = f"Mean Brier score {brier:.4f}"
    return f"{text}; observed over expected cases {ratio:.2f}." if ratio is not None else f"{text}."


def limits(params: CardParams, cohorts: list[Cohort], evaluated: Cohort, model: Model) -> list[str]:
    """What a reader must not overlook, of this run."""
    found = [f"Radiographs are squares of {model.config['image_size']} px: what is finer is not seen."]
    drawn = [cohort.name for cohort in cohorts if cohort.drawn]
    if drawn:
        found.append(
            f"The radiographs of {', '.join(drawn)} are drawn phantoms: numbers of them say what the method does on "
            "drawings and nothing about patients."
        )
    if model.not_drawn:
        found.append(
            f"{len(model.not_drawn)} of the {len(model.auc)} labels with an AUC are not drawn: negative controls, "
            "that only what occurs with them can give away."
        )
    few = int((model.auc["positives"] < FEW_CASES).sum())
    if few:
        found.append(f"{few} of the {len(model.auc)} labels with an AUC have fewer than {FEW_CASES} test positives.")
    if model.unclear:
        found.append(f"The interval of {len(model.unclear)} of them holds 0.5: they may be at chance.")
    tested = next((role for role in evaluated.roles if role.name == "test"), None)
    if tested:
        found.append(f"The test set has {tested.patients:,} patients of one cohort; other hospitals are not tested.")
    found += [] if evaluated.drawn else evaluated.source["faults"]
    return found
