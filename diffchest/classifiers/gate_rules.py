"""The gates one by one: what each measures, and what to do where it fails."""

from collections.abc import Callable, Iterator

import numpy as np

from diffchest.classifiers import agreement
from diffchest.classifiers.trial import ALL, Row, Trial
from diffchest.findings.judged import CHANCE


def _finite(trial: Trial) -> Iterator[Row]:
    bad = (~np.isfinite(trial.logits)).mean(axis=0)
    remedy = "some scores are NaN or infinite: see that float16 does not overflow, or give the output null in `names`"
    yield from trial.rows("finite", bad, 0.0, bad == 0, remedy, hard=True)


def _constant(trial: Trial) -> Iterator[Row]:
    spread, bound = np.nan_to_num(trial.logits, posinf=0, neginf=0).std(axis=0), trial.bounds.spread
    remedy = (
        "it says the same of every picture: an output that was never trained (torchxrayvision: 0.5) gets null in "
        "`names`; all outputs constant: check `range`, `mean` and `sd`"
    )
    yield from trial.rows("constant", spread, bound, spread >= bound, remedy, hard=True)


def _equal(trial: Trial) -> Iterator[Row]:
    twins = agreement.twin_outputs(trial.logits, 1e-6)

    def remedy(number: int) -> str:
        other = trial.known[twins[number]] if number in twins else ""
        return f"it always equals the output {other!r}: one of the two gets null in `names`"

    values = np.array([float(number in twins) for number in range(len(trial.known))])
    yield from trial.rows("equal", values, 0.0, values == 0, remedy, hard=True)


def _other_batch(trial: Trial) -> Iterator[Row]:
    chosen = trial.evidence.pictures[:32]
    again = agreement.in_another_batch(trial.classifier, chosen)[:, trial.columns]
    values = agreement.largest_difference(trial.logits[: len(chosen)], again)
    remedy = (
        "the score of a picture depends on those scored with it: export the network in evaluation mode "
        "(`model.eval()`), and keep rows of a command's CSV with their pictures"
    )
    yield from trial.rows("same_batch", values, trial.bounds.same, values <= trial.bounds.same, remedy, hard=True)


def _other_run(trial: Trial) -> Iterator[Row]:
    chosen = trial.evidence.pictures[:32]
    values = agreement.largest_difference(trial.score(chosen), trial.score(chosen))
    remedy = (
        "the same pictures get other scores when scored again: switch dropout and random transforms off, or seed them"
    )
    yield from trial.rows("same_run", values, trial.bounds.same, values <= trial.bounds.same, remedy, hard=True)


def _polarity(trial: Trial) -> Iterator[Row]:
    if np.isnan(trial.auc).all():
        return
    inverted = trial.aucs(trial.score(255 - trial.evidence.pictures))
    gain = float(np.nanmean(inverted) - np.nanmean(trial.auc)) if np.isfinite(inverted).any() else -1.0
    remedy = "it does better on inverted pictures: change `polarity` to the other value"
    yield Row(ALL, "polarity", gain, 0.0, gain <= 0, True, remedy)


def _mean_auc(trial: Trial) -> Iterator[Row]:
    mean = float(np.nanmean(trial.auc)) if np.isfinite(trial.auc).any() else np.nan
    if np.isnan(mean):
        least = trial.bounds.positives
        remedy = f"no output has {least} radiographs with its finding and {least} without: give others, or more"
    else:
        remedy = "it does not find what it says: check the order of `names`, then `range`, `mean`, `sd` and `size`"
    yield Row(ALL, "auc_originals", mean, trial.bounds.mean_auc, mean >= trial.bounds.mean_auc, True, remedy)


def _order(trial: Trial) -> Iterator[Row]:
    """Names in another order: outputs that do not find their own finding, and find one whose output does not either.

    An output that ranks another finding well *and* its own is no mistake: it may rely on the other, which is what the
    audit is for.
    """
    if len(trial.known) < 2:
        return
    every = np.where(trial.judged, agreement.ranked_best(trial.labels, trial.logits), np.nan)
    lost = np.diag(every) < trial.bounds.auc_originals
    others = np.nan_to_num(every, nan=-1.0)
    np.fill_diagonal(others, -1.0)
    best = others.argmax(axis=1)
    values = others.max(axis=1)
    swapped = lost & lost[best] & (values >= trial.bounds.auc_other)

    def remedy(number: int) -> str:
        return f"it ranks {trial.known[best[number]]!r} instead: mend the order of `names`"

    yield from trial.rows("order", values, trial.bounds.auc_other, ~swapped, remedy, hard=True)


def _auc_originals(trial: Trial) -> Iterator[Row]:
    least, smaller = trial.bounds.positives, trial.smaller
    passed = trial.auc >= trial.bounds.auc_originals

    def remedy(number: int) -> str:
        if smaller[number] == 0:
            return "only one class among these radiographs: give some with it and some without it"
        if smaller[number] < least:
            return f"{smaller[number]} radiographs in the smaller class, fewer than {least}: give more"
        return "it hardly finds this in these radiographs: another meaning of the word, or another kind of radiograph"

    yield from trial.rows("auc_originals", trial.auc, trial.bounds.auc_originals, passed, remedy, hard=False)


def _above_chance(trial: Trial) -> Iterator[Row]:
    """The whole interval of the AUC above `CHANCE`: a head that may be blind shows nothing by what moves its score."""
    low = agreement.auc_lower_limits(trial.labels, trial.logits, trial.evidence.patients)
    remedy = "its AUC may be chance (this is the lower limit of its 95 % interval): label more radiographs"
    for number in np.flatnonzero(trial.judged):  # the others failed `auc_originals`
        yield Row(
            trial.known[number],
            "auc_above_chance",
            float(low[number]),
            CHANCE,
            bool(low[number] > CHANCE),
            False,
            remedy,
        )


def _auc_kept(trial: Trial) -> Iterator[Row]:
    """What is left of the AUC at the generator's size, and in reconstructions."""
    pictures, size = trial.evidence.pictures, trial.evidence.size
    small = agreement.at_size_and_back(pictures, size)
    remedy = f"it needs more than {size} px: train the generator at a larger `images.size`"
    yield from _kept(trial, "auc_at_size", trial.auc if small is pictures else trial.aucs(trial.score(small)), remedy)
    if trial.evidence.reconstructions is not None:
        values = trial.aucs(trial.score(trial.evidence.reconstructions))
        remedy = "the generator does not carry what it sees: train it longer or larger; here the audit is blind"
        yield from _kept(trial, "auc_reconstructions", values, remedy)


def _kept(trial: Trial, gate: str, values: np.ndarray, remedy: str) -> Iterator[Row]:
    least = trial.auc - trial.bounds.auc_loss
    for number in np.flatnonzero(trial.judged):  # the others failed `auc_originals`
        value, bound = float(values[number]), float(least[number])
        yield Row(trial.known[number], gate, value, bound, value >= bound, False, remedy)


def _latents(trial: Trial) -> Iterator[Row]:
    evidence, bound = trial.evidence, trial.bounds.latents_r2
    if evidence.z is not None:
        values = agreement.carried_by_latents(trial.logits, evidence.z, evidence.patients, trial.bounds.folds)
        remedy = "z hardly tells its score, so moves of z cannot be read as its own: a larger z, or longer pretraining"
        yield from trial.rows("latents_r2", values, bound, values >= bound, remedy, hard=False)


WITHOUT_LABELS: list[Callable[[Trial], Iterator[Row]]] = [
    _finite,
    _constant,
    _equal,
    _other_batch,
    _other_run,
    _latents,
]
GATES: list[Callable[[Trial], Iterator[Row]]] = [
    *(_finite, _constant, _equal, _other_batch, _other_run),
    *(_polarity, _order, _mean_auc, _auc_originals, _above_chance, _auc_kept, _latents),
]
