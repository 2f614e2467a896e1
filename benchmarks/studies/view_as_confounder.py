"""Does the confounder audit find the view of the NIH radiographs, and would it find just anything?

    python -m benchmarks.studies.view_as_confounder [pairs] [starts] [chance] [opposite] [pictures]

After `python -m diffchest.profiles open_cxr` and `dvc repro`; a minute and a half. Prints Markdown tables:

* pairs: what the audit and the labels say of every finding and AP view, and the finding's AUC in each view
* starts: the same audit from other radiographs and with other steps
* chance: views dealt to other fine-tuning patients, each with a head of its own, in the place of AP view
* opposite: PA view in the place of AP view, from the radiographs that are disease-free then
* pictures: correlation of the mean difference maps of edema, AP view, and real AP less real PA radiographs
"""

import argparse
import dataclasses
import tempfile
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.stats import permutation_test, spearmanr

from benchmarks.measuring import markdown, provenance
from diffchest import paths
from diffchest.audit.pairs import audit
from diffchest.audit.reliance import reliance_table
from diffchest.audit.responses import respond
from diffchest.classifiers.own import OwnClassifier
from diffchest.compute.parts import Parts
from diffchest.contracts.classified import Classified
from diffchest.contracts.dataset import Dataset
from diffchest.contracts.head import Head
from diffchest.contracts.image_store import ImageStore
from diffchest.contracts.latents import Latents
from diffchest.contracts.responses import Responses
from diffchest.contracts.scores import read_scores
from diffchest.counterfactuals.fitting import fit_moves
from diffchest.evaluation.test_set import read_test_set
from diffchest.findings.cooccurrence import count_pairs
from diffchest.findings.disease_free import choose_one_per_patient, disease_free, normal_finding
from diffchest.model.autoencoder import load_autoencoder
from diffchest.params.evaluation import EvaluatedFindings
from diffchest.params.whole import Params
from diffchest.probe.fit import fit_head

AP, PA = "AP view", "PA view"
DEALT = 40  # views dealt to other patients
EVERY = 10**6  # of the patients: more than there are


class Setting:
    """The run's model and heads, a head for PA that mirrors the one for AP, and the labels."""

    def __init__(self) -> None:
        self.params = Params.load()
        self.model, head, latents = (
            load_autoencoder(paths.AUTOENCODER),
            Head.load(paths.HEAD),
            Latents.load(paths.LATENTS),
        )
        dataset = Dataset.read(self.params.evaluation.dataset)
        self.test, self.finetune = dataset.rows("test"), dataset.rows("finetune")
        self.labels, self.finetune_labels = dataset.labels("test"), dataset.labels("finetune")
        self.z = latents.select(self.finetune["image_id"].tolist())
        self.store = ImageStore(paths.IMAGES)
        normal = normal_finding(head.findings)
        self.findings = [name for name in head.findings if name not in (AP, normal)]
        self.head = joined(head, mirrored(head))
        self.healthy = disease_free(self.labels.drop(columns=AP))
        self.is_ap = (self.labels[AP] == 1).to_numpy()

    def images(self, chosen: np.ndarray, number: int) -> list[str]:
        """One test radiograph of each of `number` patients among the rows `chosen`."""
        return choose_one_per_patient(self.test[chosen], number=number, seed=self.params.confounders.seed)

    def respond(self, image_ids: list[str], names: list[str], head: Head, step: float | None = None) -> Responses:
        """The audit's logits of `names`, moved towards the NIH findings and the view, and its pictures."""
        settings = self.params.confounders
        head = of_fitted(head)
        with tempfile.TemporaryDirectory() as runs:
            responses = respond(
                self.model,
                head,
                image_ids,
                self.store.read(image_ids),
                classifier=OwnClassifier(self.model, head),
                targets=[*self.findings, AP if AP in names else PA],
                fitted=fit_moves(self.z, self.finetune_labels, self.finetune, head, name=""),
                solver=self.params.explain.solver,
                settings=settings.model_copy(update={"step": step or settings.step}),
                parts=Parts(Path(runs)),
            )
        assert responses is not None
        return responses.of(names)

    def classified(self, names: list[str], head: Head) -> Classified:
        """What the audit reads of a head as a classifier: logits of the fine-tuning radiographs, and weights."""
        rows, none = head.rows(names), np.empty(0)
        return Classified(
            outputs=names,
            threshold=none,
            finetune_id=self.finetune["image_id"].tolist(),
            logits_finetune=head.logits(self.z)[:, rows],
            logits_base=none,
            logits_picture=none,
            logits_random=none,
            weight=head.weight[rows].astype(np.float64),
            bias=head.bias[rows],
            r2=none,
            auc=none,
            auc_low=none,
            classifier_sha256=[],
        )

    def rows_of(self, name: str, responses: Responses, head: Head, column: np.ndarray) -> pd.DataFrame:
        """The audit's pairs finding -> `name`, with rank, P(B|A) and lift; `column`: its fine-tuning labels."""
        table = audit(responses, self.classified(responses.findings, head), self.params.confounders)
        table["rank"] = table.groupby("target")["probability_rise"].rank(ascending=False).astype(int)
        counts = count_pairs(self.finetune_labels[self.findings].assign(**{name: column}))
        rows = table[(table["confounder"] == name) & table["target"].isin(self.findings)]
        return rows.merge(counts[["target", "confounder", "p_b_given_a", "lift"]], on=["target", "confounder"])


def joined(*heads: Head) -> Head:
    """One head with the findings of several on the same z."""
    names = [name for head in heads for name in head.findings]
    weight, bias = (np.concatenate([getattr(head, part) for head in heads]) for part in ("weight", "bias"))
    return dataclasses.replace(heads[0], findings=names, weight=weight, bias=bias)


def mirrored(head: Head) -> Head:
    """The head for PA: what a logistic regression of the opposite label gives."""
    row = [head.findings.index(AP)]
    return dataclasses.replace(head, findings=[PA], weight=-head.weight[row], bias=-head.bias[row])


def of_fitted(head: Head) -> Head:
    """The findings that it could be fitted for."""
    rows = head.rows(head.fitted)
    return dataclasses.replace(head, findings=head.fitted, weight=head.weight[rows], bias=head.bias[rows])


def agreement(rows: pd.DataFrame) -> float:
    """Spearman's correlation of lift and effect over the findings."""
    return float(spearmanr(rows["lift"], rows["effect"]).statistic)


def pairs(setting: Setting) -> None:
    """Print the pipeline's own pairs with AP view, and AUCs by view."""
    table, counts = pd.read_csv(paths.table("confounders")), pd.read_csv(paths.table("label_cooccurrence"))
    table["rank"] = table.groupby("target")["probability_rise"].rank(ascending=False).astype(int)
    rows = table[table["confounder"] == AP].sort_values("lift", ascending=False)
    test_rows, test = read_test_set(EvaluatedFindings.load(), setting.head.seen)
    scores = read_scores(paths.scores("diffchest"), test_rows["image_id"].tolist())
    asked = counts[counts["confounder"] == AP].assign(kind="", source="audit")
    options = {"positives_above": 4, "bootstrap": setting.params.evaluation.bootstrap, "alpha": 0.05}
    auc = reliance_table(asked, test, scores, **options)[
        ["target", "auc", "with_auc", "without_auc", "drop", "drop_low", "drop_high", "p_bh"]
    ]
    columns = ["target", "p_b_given_a", "lift", "effect", "low", "high", "p_adjusted", "probability_rise"]
    reacts = ["response", "responds", "appears", "flagged"]
    show(rows[[*columns, "rank", *reacts]].merge(auc, on="target"))
    observed = permutation_test(
        (rows["effect"].to_numpy(),),
        lambda effect: spearmanr(rows["lift"], effect).statistic,
        permutation_type="pairings",
        rng=0,
    )
    others = [agreement(group) for name, group in table.groupby("confounder") if name != AP]
    print(f"\nSpearman of lift and effect {observed.statistic:.2f} (p {observed.pvalue:.4f}); the other labels: "
          f"{min(others):.2f} to {max(others):.2f}, median {np.median(others):.2f}")  # fmt: skip


def starts(setting: Setting) -> None:
    """Print the audit of AP view from other radiographs and with other steps."""
    free, number = setting.healthy & ~setting.is_ap, setting.params.confounders.images
    cases = {
        "disease-free, all PA": (free, EVERY, None),
        "disease-free but for the view": (setting.healthy, number, None),
        "the same, all patients": (setting.healthy, EVERY, None),
        "the same, all AP": (setting.healthy & setting.is_ap, EVERY, None),
        "as the stage, step 3": (free, number, 3.0),
        "as the stage, step 2": (free, number, 2.0),
        "as the stage, step 1": (free, number, 1.0),
    }
    lines = []
    names = [*setting.findings, AP]
    for case, (chosen, most, step) in cases.items():
        image_ids = setting.images(chosen, most)
        responses = setting.respond(image_ids, names, setting.head, step)
        rows = setting.rows_of(AP, responses, setting.head, setting.finetune_labels[AP].to_numpy())
        first = rows.loc[rows["effect"].idxmax()]
        flagged = ", ".join(rows["target"][rows["appears"]]) or "none"
        lines.append((case, len(image_ids), agreement(rows), first["target"], first["effect"], first["rank"], flagged))
    show(pd.DataFrame(lines, columns=["from", "radiographs", "Spearman", "largest", "effect", "rank", "appears with"]))


def chance(setting: Setting) -> None:
    """Print what the audit makes of views that are dealt to other patients, beside the true one."""
    rng, patients = np.random.default_rng(0), setting.finetune["patient_id"].to_numpy()
    share = setting.finetune_labels[AP].groupby(patients).mean()
    dealt = np.stack(
        [rng.random(len(patients)) < share.sample(frac=1, random_state=rng).set_axis(share.index)[patients]
         for _ in range(DEALT)], axis=1
    ).astype(np.float32)  # fmt: skip
    names = [f"dealt {number}" for number in range(DEALT)]
    fitted, _ = fit_head(setting.z, dealt, patients, params=setting.params.probe, findings=names)
    head = joined(setting.head, fitted)
    everything = [*setting.findings, AP, *names]
    image_ids = setting.images(setting.healthy & ~setting.is_ap, setting.params.confounders.images)
    responses = setting.respond(image_ids, everything, head)
    targets, lines = len(setting.findings), []
    columns = {AP: setting.finetune_labels[AP].to_numpy()} | dict(zip(names, dealt.T, strict=True))
    for name, column in columns.items():
        moved = {"targets": setting.findings, "logits_after": responses.logits_after[:, :targets]}
        part = dataclasses.replace(responses, **moved).of([*setting.findings, name])
        rows = setting.rows_of(name, part, head, column)
        lines.append((agreement(rows), rows["effect"].max(), rows["probability_rise"].max(), rows["appears"].sum()))
    table = pd.DataFrame(
        lines, columns=["Spearman", "largest effect", "largest rise", "appears with"], index=list(columns)
    )
    summary = table.iloc[1:].agg(["mean", "max"])
    show(pd.concat([table.iloc[:1], summary]).rename_axis("view").reset_index())
    print(f"\n{(table.iloc[1:]['largest effect'] >= table.iloc[0, 1]).sum()} of {DEALT} have as large an effect")


def opposite(setting: Setting) -> None:
    """Print the audit with PA view in the place of AP view."""
    names = [*setting.findings, PA]
    image_ids = setting.images(setting.healthy & setting.is_ap, setting.params.confounders.images)
    responses = setting.respond(image_ids, names, setting.head)
    rows = setting.rows_of(PA, responses, setting.head, 1 - setting.finetune_labels[AP].to_numpy())
    columns = ["target", "p_b_given_a", "lift", "effect", "low", "high", "probability", "rank", "appears"]
    show(rows[columns].sort_values("lift", ascending=False))


def pictures(setting: Setting) -> None:
    """Print how alike the pictures change towards edema and AP view, and how AP and PA radiographs differ."""
    free = setting.healthy & ~setting.is_ap
    image_ids = setting.images(free, setting.params.confounders.images)
    responses = setting.respond(image_ids, [*setting.findings, AP], setting.head)
    still, moved = responses.reconstruction, responses.counterfactual
    change = moved.mean(axis=0) - still.mean(axis=0)
    real = setting.store.read(setting.test["image_id"].tolist()).astype(np.float64)
    maps = {
        "towards edema": change[setting.findings.index("Edema")],
        "towards AP view": change[len(setting.findings)],
        "real AP less PA": real[setting.healthy & setting.is_ap].mean(axis=0) - real[free].mean(axis=0),
    }
    flat = np.stack([image.ravel() for image in maps.values()])
    show(pd.DataFrame(np.corrcoef(flat), columns=list(maps)).assign(map=list(maps)).set_index("map").reset_index())
    groups = {
        "still": still,
        "towards AP": moved[:, -1],
        "real AP": real[setting.is_ap],
        "real PA": real[~setting.is_ap],
    }
    spread = {name: float(images.std(axis=(1, 2)).mean()) for name, images in groups.items()}
    print("\nstandard deviation of the gray values:", ", ".join(f"{name} {sd:.0f}" for name, sd in spread.items()))


def show(table: pd.DataFrame) -> None:
    """Print a table as Markdown."""
    cells = (
        [f"{cell:.3f}" if isinstance(cell, float) else str(cell) for cell in row]
        for row in table.itertuples(index=False)
    )
    print(markdown([list(table.columns), *cells]))


def main() -> None:
    """Print the tables that are asked for."""
    parts = {"pairs": pairs, "starts": starts, "chance": chance, "opposite": opposite, "pictures": pictures}
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("parts", nargs="*", choices=list(parts), default=list(parts))
    chosen = parser.parse_args().parts
    setting = Setting()
    print(provenance())
    for part in chosen:
        print(f"\n{part}\n")
        parts[part](setting)


if __name__ == "__main__":
    main()
