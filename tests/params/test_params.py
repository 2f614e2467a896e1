"""`params.yaml`: valid as committed, and every kind of mistake is named by its key."""

import shutil
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from diffchest.params.base import ParamsError
from diffchest.params.whole import load_params, parse_params
from diffchest.profiles import apply_profile

ROOT = Path(__file__).resolve().parents[2]
PROFILES = sorted(path.stem for path in (ROOT / "profiles").glob("*.yaml"))


@pytest.fixture
def raw():
    return YAML(typ="safe").load(ROOT / "params.yaml")


def test_committed_params_are_valid():
    params = load_params(ROOT / "params.yaml")
    assert params.on_phantoms
    assert params.cohorts["padchest"].format == "padchest"


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("probe.fractoin", 0.1, "probe.fractoin: unknown key"),
        ("probe.fraction", 0.0, "probe.fraction"),
        ("probe.fraction", "0.1", "probe.fraction"),
        ("images.size", 48.5, "images.size"),
        ("images.size", 50, "need a multiple of"),
        ("diffusion.prediction", "x0", "diffusion.prediction"),
        ("diffusion.beta_end", 0.00001, "must not be below"),
        ("cohorts.padchest.format", "dicom", "cohorts.padchest"),
        ("cohorts.padchest.rooot", "x", "rooot: unknown key"),
        ("cohorts.datasets", ["padchest", "nowhere"], "cohorts.nowhere"),
        ("evaluation.dataset", "nowhere", "evaluation.dataset"),
        ("baselines.reference", "chexzero", "baselines.reference"),
        ("baselines.own", {}, r"baselines\.own: give either `scores` or `features`"),
        ("baselines.own", {"scores": "a.csv", "features": "b.npz"}, r"baselines\.own: give either"),
        ("baselines.own", {"score": "a.csv"}, r"baselines\.own\.score: unknown key"),
        ("baselines.diffchest", {"scores": "a.csv"}, "'diffchest' cannot be a model's name"),
        ("baselines.a/b", {"scores": "a.csv"}, "'a/b' cannot be a model's name"),
        ("baselines.pca", None, "`pca` is null; delete the section"),
        ("baselines.chexzero", None, "`chexzero` is null; delete the section"),
        ("baselines.chexzero.prompts.normal", ["", "normal"], r"baselines\.chexzero\.prompts\.normal\.0"),
        ("baselines.chexzero.prompts.normal", None, r"baselines\.chexzero\.prompts\.normal"),
        ("evaluation.reference", "chexzero", r"evaluation\.reference is 'chexzero'.*needs checkpoints"),
        ("evaluation.reference", "own", r"evaluation\.reference is 'own', not one of the models \['pca'\]"),
        ("pretrain.batch_size", 0, "pretrain.batch_size"),
        ("pretrain.learning_rate", float("inf"), "pretrain.learning_rate"),
        ("explain.encode_steps", 1, "explain.encode_steps is 1; explain.solver dpm_solver takes 2 to 1000"),
        ("explain.solver", "euler", "explain.solver"),
        ("explain.targets", ["goiter", "goiter"], "explain.targets: 'goiter' is there 2 times; name it once"),
        ("explain.to_probability", 1.0, "explain.to_probability"),
        ("explain.towards", "both", "explain.towards"),
        ("phantom.confounding", 1, "phantom.confounding"),
        ("phantom.confounding", "none", "phantom.confounding"),
        ("confounders.decode_steps", 3000, "confounders.decode_steps is 3000"),
    ],
)
def test_mistakes_are_named(raw, key, value, message):
    *parents, last = key.split(".")
    section = raw
    for parent in parents:
        section = section[parent]
    section[last] = value
    with pytest.raises(ParamsError, match=message):
        parse_params(raw)


def test_the_reference_follows_the_models_that_can_score(raw):
    assert (parse_params(raw).reference, parse_params(raw).baselines.ready) == ("pca", ["pca"])
    raw["baselines"]["own"] = {"scores": "own.csv"}
    assert (parse_params(raw).reference, parse_params(raw).baselines.ready) == ("pca", ["pca", "own"])
    raw["baselines"]["chexzero"]["checkpoints"] = ["a.pt"]
    assert (parse_params(raw).reference, parse_params(raw).baselines.ready) == ("chexzero", ["chexzero", "pca", "own"])
    raw["evaluation"]["reference"] = "own"
    assert parse_params(raw).reference == "own"
    with pytest.raises(ParamsError, match=r"baselines\.nowhere is not defined \(defined: chexzero, pca, own\)"):
        parse_params(raw).baselines["nowhere"]


def test_only_ddim_needs_a_whole_stride(raw):
    raw["explain"] |= {"solver": "dpm_solver", "encode_steps": 60, "decode_steps": 17}
    parse_params(raw)
    raw["explain"]["solver"] = "ddim"
    with pytest.raises(ParamsError, match=r"explain\.encode_steps is 60, but no whole stride"):
        parse_params(raw)


def test_missing_section_is_named(raw):
    del raw["probe"]
    with pytest.raises(ParamsError, match="probe: missing"):
        parse_params(raw)


def test_missing_and_broken_files(tmp_path):
    with pytest.raises(ParamsError, match="no such file"):
        load_params(tmp_path / "params.yaml")
    (tmp_path / "params.yaml").write_text("a: [1,")
    with pytest.raises(ParamsError, match="not valid YAML"):
        load_params(tmp_path / "params.yaml")


def test_a_table_cohort_needs_labels_to_probe(raw):
    raw["cohorts"]["own"] = {"format": "table", "root": "x", "table": "index.csv"}
    with pytest.raises(ParamsError, match="needs `labels` or `findings`"):
        parse_params(raw)


@pytest.mark.parametrize("name", PROFILES)
def test_profiles_apply_and_keep_comments(name, tmp_path):
    target = tmp_path / "params.yaml"
    shutil.copy(ROOT / "params.yaml", target)
    apply_profile(ROOT / "profiles" / f"{name}.yaml", target)
    load_params(target)
    assert "# fold k x k pixels into channels" in target.read_text()
    assert target.read_text() != (ROOT / "params.yaml").read_text()


def test_a_bad_profile_changes_nothing(tmp_path):
    target = tmp_path / "params.yaml"
    shutil.copy(ROOT / "params.yaml", target)
    (tmp_path / "bad.yaml").write_text("probe: {fraction: 7.0}\n")
    with pytest.raises(ParamsError, match=r"probe\.fraction"):
        apply_profile(tmp_path / "bad.yaml", target)
    with pytest.raises(ParamsError, match="no such profile"):
        apply_profile(tmp_path / "none.yaml", target)
    assert target.read_bytes() == (ROOT / "params.yaml").read_bytes()
