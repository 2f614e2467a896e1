"""Every gate passes for an honest classifier and fails once for a reason of its own, with what to do."""

from dataclasses import replace

import numpy as np
import pytest

from diffchest.classifiers.gates import COLUMNS, check_gates, gate_table, passed_gates
from diffchest.classifiers.outputs import Outputs
from diffchest.classifiers.scored import Scored
from diffchest.classifiers.trial import ALL, Bounds, Evidence
from diffchest.errors import DataError
from tests.helpers.tiny_onnx import described

SIZE, NUMBER = 16, 90
FINDINGS = ["goiter", "pacemaker", "scoliosis"]
PATTERNS = np.kron(np.eye(4)[:3].reshape(3, 2, 2), np.ones((8, 8)))  # a quarter of the picture each
Z = np.random.default_rng(0).normal(size=(NUMBER, 3))
PICTURES = np.rint(np.clip(128 + 20 * np.tensordot(Z, PATTERNS, 1), 0, 255)).astype(np.uint8)
EVIDENCE = Evidence(
    pictures=PICTURES, size=SIZE, findings=FINDINGS, labels=(Z > 0).astype(float),
    patients=[f"patient {number // 2}" for number in range(NUMBER)], reconstructions=PICTURES, z=Z,
)  # fmt: skip


def honest(pictures):
    """How bright each quarter is."""
    return np.tensordot(pictures.astype(np.float64) - 128, PATTERNS, ((1, 2), (1, 2))) / 640


def classifier(function=honest, names=("goiter", "pacemaker", "scoliosis")):
    return Scored("theirs", function, described(Outputs("logit", tuple(names))), "sha", {})


def table(function=honest, evidence=EVIDENCE, names=("goiter", "pacemaker", "scoliosis"), **bounds):
    return gate_table(classifier(function, names), "theirs", evidence, Bounds(**bounds))


def failed(found):
    return {(row.gate, row.output) for row in found[~found["passed"]].itertuples()}


def every(gate):
    return {(gate, finding) for finding in FINDINGS}


def test_an_honest_classifier_passes_every_gate():
    found = table()
    assert list(found.columns) == COLUMNS
    assert failed(found) == set()
    assert (found["remedy"] == "").all()
    assert set(found["gate"]) == {
        "finite", "constant", "equal", "same_batch", "same_run", "polarity", "order", "auc_originals",
        "auc_above_chance", "auc_at_size", "auc_reconstructions", "latents_r2",
    }  # fmt: skip
    assert check_gates(found) == FINDINGS
    values = found.set_index(["gate", "output"])["value"]
    assert values["auc_originals", "goiter"] == pytest.approx(1.0, abs=0.01)
    assert values["polarity", ALL] == pytest.approx(-1.0, abs=0.02)
    assert values["latents_r2", "goiter"] == pytest.approx(1.0, abs=0.01)


def refused(found, gate, message):
    """The gate is hard: no audit, and the error says what to do."""
    assert gate in {name for name, _ in failed(found)}
    with pytest.raises(DataError, match=message):
        check_gates(found)


def test_scores_that_are_no_numbers():
    def overflows(pictures):
        scores = honest(pictures)
        scores[:, 1] = np.where(scores[:, 1] > 1, np.nan, scores[:, 1])
        return scores

    refused(
        table(overflows), "finite", r"theirs, pacemaker, finite: 0\..* \(bound 0\); some scores are NaN or infinite"
    )


def test_an_output_that_was_never_trained():
    def untrained(pictures):
        return honest(pictures) * [1, 0, 1]

    found = table(untrained)
    assert ("constant", "pacemaker") in failed(found)
    refused(found, "constant", r"theirs, pacemaker, constant: 0 .*never trained \(torchxrayvision: 0\.5\) gets null")


def test_two_outputs_that_are_one():
    refused(table(lambda pictures: honest(pictures)[:, [0, 1, 0]]), "equal", "it always equals the output 'goiter'")


def test_scores_that_depend_on_what_is_scored_together():
    """Normalised by its batch: a network in training mode."""

    def training_mode(pictures):
        scores = honest(pictures)
        return scores - scores.mean(axis=0)

    found = table(training_mode)
    assert failed(found) == every("same_batch")
    refused(found, "same_batch", "export the network in evaluation mode")


def test_scores_that_change_from_run_to_run():
    rng = np.random.default_rng(0)
    found = table(lambda pictures: honest(pictures) + 0.01 * rng.normal(size=(len(pictures), 3)))
    assert failed(found) == every("same_batch") | every("same_run")
    refused(found, "same_run", "switch dropout and random transforms off")


def test_inverted_polarity():
    found = table(lambda pictures: honest(255 - pictures))
    assert ("polarity", ALL) in failed(found)
    refused(found, "polarity", r"polarity: 1 \(bound 0\); .*change `polarity` to the other value")


def test_names_in_another_order_are_recognised():
    found = table(lambda pictures: honest(pictures)[:, [1, 2, 0]])
    assert every("order") <= failed(found)
    refused(found, "order", r"theirs, goiter, order: 1 .*it ranks 'pacemaker' instead: mend the order of `names`")


def test_two_swapped_names_of_three_are_recognised():
    found = table(lambda pictures: honest(pictures)[:, [1, 0, 2]])
    assert {output for gate, output in failed(found) if gate == "order"} == {"goiter", "pacemaker"}


def test_a_classifier_that_relies_on_another_finding_is_no_swap():
    """Its goiter is nearly all the pacemaker's quarter, which goes with goiter: what an audit is to find."""
    z = np.column_stack([0.8 * Z[:, 0] + 0.6 * Z[:, 1], Z[:, 1], Z[:, 2]])
    pictures = np.rint(np.clip(128 + 20 * np.tensordot(z, PATTERNS, 1), 0, 255)).astype(np.uint8)

    def relies(given):
        scores = honest(given)
        scores[:, 0] = 0.9 * scores[:, 1] + 0.1 * scores[:, 0]
        return scores

    evidence = replace(EVIDENCE, pictures=pictures, labels=(z > 0).astype(float), reconstructions=None, z=z)
    assert check_gates(table(relies, evidence)) == FINDINGS


def test_an_output_that_finds_another_finding_alone_is_no_swap_where_that_has_its_own():
    """It is left out, since it misses its own; the names are right."""

    def wrong(pictures):
        scores = honest(pictures)
        scores[:, 2] = 0.9 * scores[:, 1]
        return scores

    found = table(wrong)
    assert not {output for gate, output in failed(found) if gate == "order"}
    assert check_gates(found) == ["goiter", "pacemaker"]


def test_a_finding_that_is_hardly_found_is_left_out():
    """Of three, one is noise: no error, but it is not audited."""

    def noisy(pictures):
        scores = honest(pictures)
        scores[:, 2] = pictures[:, 12, 3] % 7
        return scores

    found = table(noisy)
    assert ("auc_originals", "scoliosis") in failed(found)
    assert check_gates(found) == ["goiter", "pacemaker"]


def test_what_the_generators_size_loses_is_left_out():
    """A checkerboard says `scoliosis`: gone at half the size."""
    board = np.indices((SIZE, SIZE)).sum(axis=0) % 2 * 2 - 1
    quiet = np.clip(PICTURES.astype(float), 10, 245)
    pictures = (quiet + 5 * board * np.sign(Z[:, 2])[:, None, None]).astype(np.uint8)

    def fine(given):
        scores = honest(given)
        scores[:, 2] = (given * board).mean(axis=(1, 2))
        return scores

    found = table(fine, replace(EVIDENCE, pictures=pictures, size=8, reconstructions=None, z=None))
    assert failed(found) == {("auc_at_size", "scoliosis")}
    assert check_gates(found) == ["goiter", "pacemaker"]
    row = found[(found["gate"] == "auc_at_size") & ~found["passed"]].iloc[0]
    assert row["bound"] == pytest.approx(0.9)
    assert "needs more than 8 px" in row["remedy"]


def test_what_reconstructions_lose_is_left_out():
    blurred = PICTURES.copy()
    blurred[:, :8, :8] = 128  # the goiter's quarter
    found = table(evidence=replace(EVIDENCE, reconstructions=blurred))
    assert failed(found) == {("auc_reconstructions", "goiter")}
    assert check_gates(found) == ["pacemaker", "scoliosis"]


def test_what_z_does_not_tell_is_left_out():
    noise = np.random.default_rng(1).normal(size=NUMBER)
    found = table(evidence=replace(EVIDENCE, z=np.column_stack([Z[:, 0], noise, Z[:, 2]])))
    assert failed(found) == {("latents_r2", "pacemaker")}


def test_r2_is_of_patients_that_were_held_out():
    """z names the patient and nothing else: within patients it would tell the score."""
    patient = np.repeat(np.arange(NUMBER // 2), 2)
    one_hot = np.eye(NUMBER // 2)[patient]
    alike = PICTURES[2 * patient]  # both radiographs of a patient are the same
    found = table(evidence=replace(EVIDENCE, pictures=alike, labels=EVIDENCE.labels[2 * patient], z=one_hot))
    assert every("latents_r2") <= failed(found)
    with pytest.raises(DataError, match="45 patients are too few for 50 folds"):
        table(folds=50)


def test_one_class_only_leaves_an_output_out_and_all_of_them_are_an_error():
    labels = EVIDENCE.labels.copy()
    labels[:, 1] = 0
    found = table(evidence=replace(EVIDENCE, labels=labels))
    assert ("auc_originals", "pacemaker") in failed(found)
    assert found.loc[~found["passed"], "remedy"].str.contains("only one class").any()
    assert check_gates(found) == ["goiter", "scoliosis"]
    refused(
        table(evidence=replace(EVIDENCE, labels=np.zeros_like(labels))),
        "auc_originals",
        "no output has 5 radiographs with its finding and 5 without",
    )


def test_too_few_of_a_class_leave_an_output_out():
    labels = EVIDENCE.labels.copy()
    labels[:, 0] = 0
    labels[:4, 0] = 1
    remedy = table(evidence=replace(EVIDENCE, labels=labels)).query("output == 'goiter' and gate == 'auc_originals'")
    assert remedy["remedy"].item() == "4 radiographs in the smaller class, fewer than 5: give more"


def test_labels_that_were_not_assessed_do_not_count():
    labels = EVIDENCE.labels.copy()
    labels[:30] = np.nan
    assert failed(table(evidence=replace(EVIDENCE, labels=labels))) == set()


def test_nothing_left_is_an_error():
    found = table(evidence=replace(EVIDENCE, reconstructions=np.full_like(PICTURES, 128)))
    with pytest.raises(
        DataError, match=r"no output passed all gates, nothing is left to audit:\n  theirs, goiter, auc_r"
    ):
        check_gates(found)


def test_outputs_that_are_no_findings_go_through_no_gate_and_none_is_an_error():
    found = table(names=("goiter", "Cardio Megaly", "scoliosis"))
    assert set(found["output"]) == {ALL, "goiter", "scoliosis"}
    with pytest.raises(
        DataError, match=r"theirs: none of its 3 outputs .*\n.*\nNear names:\n  Goiter: goiter\n  Pace_M"
    ):
        table(names=("Goiter", "Pace_Maker", "XQ"))


def test_measures_that_need_what_is_not_there_are_left_out():
    found = table(evidence=replace(EVIDENCE, reconstructions=None, z=None))
    assert not {"auc_reconstructions", "latents_r2"} & set(found["gate"])


def test_without_labels_those_gates_are_left_that_need_none():
    found = table(evidence=replace(EVIDENCE, labels=None))
    assert set(found["gate"]) == {"finite", "constant", "equal", "same_batch", "same_run", "latents_r2"}
    assert check_gates(found) == FINDINGS
    with_labels = table()
    same = with_labels[with_labels["gate"].isin(found["gate"])].reset_index(drop=True)
    assert found.equals(same)


def test_without_a_judged_finding_no_gate_is_tried_and_no_output_passes():
    found = table(evidence=replace(EVIDENCE, findings=[], labels=np.empty((NUMBER, 0))))
    assert found.empty
    assert passed_gates(found) == []


def test_a_head_that_may_be_blind_is_left_out():
    """6 of 30 have it, AUC 0.736 by hand: 106 of 144 pairs in order; its interval reaches below 0.5."""
    rng = np.random.default_rng(3)
    labels = np.zeros((30, 1))
    labels[:6] = 1
    scores = np.arange(30.0)[:, None]
    scores[:6, 0] = [0.5, 29.5, 28.5, 27.5, 26.5, 21.5]
    wins = sum((scores[row, 0] > scores[6:, 0]).sum() for row in range(6))
    order = rng.permutation(30)
    evidence = replace(
        EVIDENCE,
        pictures=np.tile(np.arange(30, dtype=np.uint8)[order, None, None], (1, SIZE, SIZE)),
        findings=["goiter"],
        labels=labels[order],
        patients=[str(row) for row in order],
        reconstructions=None,
        z=None,
    )
    found = table(
        lambda pictures: scores[np.minimum(pictures, 255 - pictures)[:, 0, 0]],
        evidence,
        names=("goiter",),
        mean_auc=0.0,
    )
    rows = found[found["output"] == "goiter"].set_index("gate").loc[["auc_originals", "auc_above_chance"]]
    assert wins == 106
    assert rows["value"].iloc[0] == pytest.approx(wins / (6 * 24))
    assert rows["passed"].iloc[0]
    assert rows["value"].iloc[1] < 0.5
    assert not rows["passed"].iloc[1]
    assert not rows["hard"].iloc[1]
    assert "label more radiographs" in rows["remedy"].iloc[1]
