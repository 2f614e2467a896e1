"""The numbers at the top of the report, each with what it does not show."""

from collections.abc import Mapping
from functools import reduce
from typing import Any

from diffchest.params.base import OURS
from diffchest.report.contents import ReportParams

Tile = tuple[str, str, str]  # value, name, remark


class Finder:
    """Looks up nested metrics and formats them."""

    def __init__(self, metrics: Mapping[str, Any]) -> None:
        self._metrics = metrics

    def number(self, *keys: str) -> float | None:
        """The metric at these keys; None where it is not there."""
        value = reduce(lambda found, key: found.get(key) if isinstance(found, Mapping) else None, keys, self._metrics)
        return value if isinstance(value, int | float) else None

    def __call__(self, *keys_and_format: str) -> str | None:
        """The metric at the keys, in the format that comes last; None where it is not there."""
        *keys, spec = keys_and_format
        value = self.number(*keys)
        return None if value is None else format(value, spec)


def key_numbers(metrics: Mapping[str, Any], params: ReportParams, *, doubtful: int = 0) -> list[Tile]:
    """The numbers at the top of the page: (value, name, remark); those that are not there are left out.

    There is one mean AUC: over the drawn findings where the radiographs are drawn, since the others cannot be seen and
    are a number of their own, and over all findings where they are real. doubtful: how many of the findings that are
    explained the head may not see.
    """
    find = Finder(metrics)
    tiles = [
        *_mean_aucs(find, params),
        _compared(find, params.reference),
        _brier_skill(find),
        _audited(find),
        (
            find("confounders", "cace", "average_precision", ".2f"),
            "average precision of the audit",
            said("against the truth drawn (CaCE)", ("of {} pairs", find("confounders", "cace", "pairs", ",.0f"))),
        ),
        (
            find("confounders", "cace", "false_alarms", ".1%"),
            "false alarms of the audit",
            "of pairs that truly do nothing",
        ),
        *_counterfactuals(find, doubtful),
        _reconstruction(find),
    ]
    return [(value, name, remark) for value, name, remark in tiles if value]


def said(*parts: str | tuple[str, str | None]) -> str:
    """The parts of a remark, those whose number is not there left out: a text, or a text with a number's place."""
    texts = (part if isinstance(part, str) else part[1] and part[0].format(part[1]) for part in parts)
    return "; ".join(text for text in texts if text)


def _mean_aucs(find: Finder, params: ReportParams) -> list[tuple[str | None, str, str]]:
    """Ours, the reference model's over the same findings, and that of the negative controls."""
    mean, kind = ("drawn_macro_auc", "drawn ") if params.on_phantoms else ("macro_auc", "")
    ours, reference = ("evaluate", OURS), ("evaluate", params.reference)
    findings, theirs = (find.number(*of, f"{mean}_findings") for of in (ours, reference))
    which = "the same findings" if theirs == findings else f"the {theirs:.0f} of these that it scores" if theirs else ""
    controls = find(*ours, "not_drawn_macro_auc_findings", ".0f")
    if findings == 0:
        left_out = find(*ours, f"{mean}_left_out", ".0f")
        return [
            (
                f"0 of {left_out}",
                f"{kind}findings can be judged",
                "too few radiographs, in test or fine-tuning, so there is no AUC",
            )
        ]
    return [
        (find(*ours, mean, ".3f"), f"mean AUC of {_many(findings, f'{kind}finding')}", _of_the_mean(find, mean)),
        (find(*reference, mean, ".3f"), f"mean AUC of {params.reference}", said("reference", which)),
        (
            find(*ours, "not_drawn_macro_auc", ".3f") if params.on_phantoms else None,
            f"mean AUC of {controls or 'the'} negative controls",
            "findings that are not drawn and in no other mean: only what occurs with them gives them away",
        ),
    ]


def _of_the_mean(find: Finder, mean: str) -> str:
    """The interval of our mean AUC, how many redraws had none, and how many findings are left out of it."""
    ours = ("evaluate", OURS)
    low, high = (find(*ours, f"{mean}_{end}", ".3f") for end in ("low", "high"))
    undefined, left_out = (find.number(*ours, f"{mean}_{name}") for name in ("undefined_redraws", "left_out"))
    return said(
        f"{low} to {high}" if low and high else "",
        f"without {_many(undefined, 'redraw')} in which a finding had one class only" if undefined else "",
        f"{_many(left_out, 'finding')} with too few cases left out" if left_out else "",
    )


def _compared(find: Finder, reference: str) -> tuple[str | None, str, str]:
    """How many findings are better than the reference's, and how many of these differences chance does not explain."""
    wins, findings = find("compare", "wins", ".0f"), find("compare", "findings", ".0f")
    after = said(
        ("{} of them after Holm's correction", find("compare", "wins_holm", ".0f")),
        ("{} worse after it", find("compare", "losses_holm", ".0f")),
    )
    return (
        f"{wins} of {findings}" if wins and findings not in (None, "0") else None,
        f"findings better than {reference}",
        after,
    )


def _brier_skill(find: Finder) -> tuple[str | None, str, str]:
    """What the probabilities are worth beside the prevalence alone."""
    skill, negative = find.number("calibration", OURS, "skill"), find.number("calibration", OURS, "negative_skill")
    findings = find("calibration", OURS, "findings", ".0f")
    worse = said(
        "worse than always saying the prevalence" if skill is not None and skill < 0 else "0 is the prevalence alone",
        f"worse than that in {negative:.0f} of {findings} findings" if negative and findings else "",
    )
    return find("calibration", OURS, "skill", ".3f"), "mean Brier skill", worse


def _audited(find: Finder) -> tuple[str | None, str, str]:
    """How many pairs our head's audit flags, of how many, and of how many outputs these are."""
    outputs = find.number("confounders", "outputs")
    if outputs == 0:
        return "not audited", "our head", "no output passed all gates: nothing is flagged, and nothing is cleared"
    pairs = ("of {} pairs", find("confounders", "pairs", ",.0f"))
    of = f"of the {_many(outputs, 'output')} of our head that passed all gates" if outputs else "our head"
    return find("confounders", "flagged", ",.0f"), "pairs flagged by the audit", said(pairs, of)


def _counterfactuals(find: Finder, doubtful: int) -> list[tuple[str | None, str, str]]:
    """Flips beside validity, and what is seen of the change asked for."""
    at = ("explain", "counterfactuals")
    n = said(
        ("{} radiographs", find(*at, "radiographs", ",.0f")),
        ("{} findings", find(*at, "targets", ",.0f")),
        f"{doubtful} of these the head may not see, or is not judged on" if doubtful else "",
    )
    valid = ("valid, with at least 0.9 of the change asked for: {}", find(*at, "validity", ".0%"))
    return [
        (find(*at, "flipped", ".0%"), "counterfactuals that flip", said("score crosses 0.5", valid, n)),
        (find(*at, "reached", ".0%"), "of the change asked for is seen", said("by the head in the picture", n)),
    ]


def _reconstruction(find: Finder) -> tuple[str | None, str, str]:
    """The error of reconstructions, which x_T makes small, beside that of z alone."""
    at = ("explain", "reconstruction")
    remark = said(
        "mean absolute, gray scale 0 to 1, with the radiograph's own x_T",
        ("the same z with a new x_T: {}", find(*at, "mae_new_x_T", ".4f")),
        ("{} radiographs", find(*at, "images", ",.0f")),
    )
    return find(*at, "mae", ".4f"), "reconstruction error", remark


def _many(number: float | None, what: str) -> str:
    return f"{what}s" if number is None else f"{number:,.0f} {what}{'' if number == 1 else 's'}"
