"""`params.yaml`: valid as committed, and every kind of mistake is named by its key."""

import copy
import functools
import re
from typing import Annotated

import pytest
from ruamel.yaml import YAML

from diffchest.diffusion.ddim import ddim_timesteps
from diffchest.errors import DataError
from diffchest.figures.registry import FIGURES
from diffchest.params.audit import AuditDrawingParams, ConfoundersParams
from diffchest.params.base import Fraction, Key, ParamsError, StageParams, enough_redraws
from diffchest.params.baselines import Baseline, ComparedModels, PcaParams
from diffchest.params.counterfactuals import check_steps
from diffchest.params.figures import FIGURE_NAMES
from diffchest.params.probe import ProbeParams
from diffchest.params.runtime import RuntimeParams
from diffchest.params.whole import Params
from tests.helpers.repository import ROOT

COMMITTED = YAML(typ="safe").load(ROOT / "params.yaml")


@pytest.fixture
def raw():
    return copy.deepcopy(COMMITTED)


def test_committed_params_are_valid():
    params = Params.load(ROOT / "params.yaml")
    assert params.cohorts["padchest"].format == "padchest"


TABLE = {"format": "table", "root": "x", "table": "t.csv", "labels": ["a"], "sex": "s", "age": "a", "view": "v"}
WARD = {"format": "table", "root": "x", "table": "t.csv", "labels": ["Edema"]}


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("probe.fractoin", 0.1, r"probe.fractoin: unknown key \(found 0.1\); did you mean `fraction`\?"),
        ("probe.fraction", 0.0, "probe.fraction"),
        ("probe.fraction", "0.1", "probe.fraction"),
        ("images.size", 48.5, "images.size"),
        ("images.size", 50, "need a multiple of"),
        ("diffusion.prediction", "x0", "diffusion.prediction"),
        ("diffusion.beta_end", 0.00001, "must not be below"),
        ("cohorts.padchest.format", "dicom", "cohorts.padchest"),
        ("cohorts.padchest.rooot", "x", r"\n  cohorts\.padchest\.rooot: unknown key"),
        (
            "figures.names",
            "auc_forest",
            r": 1 problem\(s\)\n  figures\.names: expected 'all' or a list, such as .*, found 'auc_forest'",
        ),
        (
            "baselines.pca.components",
            0,
            r": 1 problem\(s\)\n  baselines\.pca\.components: .*greater than or equal to 1",
        ),
        ("cohorts.datasets", ["padchest", "nowhere"], "cohorts.nowhere"),
        ("cohorts.datasets", ["padchest", "padchest"], "`datasets` names 'padchest' 2 times; name it once"),
        ("cohorts.datasets", [], r"\n  cohorts\.datasets: .*at least 1"),
        (
            "cohorts.padchest_labels",
            {"format": "nih", "root": "x"},
            "'padchest_labels' cannot be .* table of 'padchest'",
        ),
        ("cohorts.PadChest", {"format": "nih", "root": "x"}, "'padchest' and 'PadChest' differ by case alone"),
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
        ("classifiers.theirs", {"kind": "onnx"}, r"classifiers\.theirs: kind onnx needs `file`"),
        (
            "classifiers.theirs",
            {"kind": "onnx", "file": "a.onnx", "sizes": 3},
            r"classifiers\.theirs\.sizes: unknown key",
        ),
        ("explain.encode_steps", 1, "explain.encode_steps is 1; explain.solver dpm_solver takes 2 to 1000"),
        ("explain.solver", "euler", "explain.solver"),
        ("explain.targets", ["goiter", "goiter"], "explain.targets: 'goiter' is there 2 times; name it once"),
        ("explain.to_probability", 1.0, "explain.to_probability"),
        ("explain.towards", "both", "explain.towards"),
        ("phantom.confounding", 1, "phantom.confounding"),
        ("phantom.confounding", "none", "phantom.confounding"),
        ("small_cnn.findings", ["goiter", "goiter"], "small_cnn.findings: .*'goiter' is there 2 times"),
        ("small_cnn.findings", [], r"small_cnn\.findings"),
        ("small_cnn.findings", "all", r": 1 problem\(s\)\n  small_cnn\.findings: "),
        ("small_cnn.batch_size", 1, "small_cnn.batch_size"),
        ("confounders.decode_steps", 3000, "confounders.decode_steps is 3000"),
        ("model.base_channels", 33, r"\n  model\.base_channels: found 33, expected an even number"),
        ("model.attention_heads", 3, "attention_heads is 3, but a feature map of model with attention has 32 channels"),
        ("model.attention_resolutions", [32], r"model\.attention_resolutions: no feature map has side 32; .*\[16, 8\]"),
        ("model.encoder.attention_resolutions", [2], r"model\.encoder\.attention_resolutions: .*\[16, 8, 4\]"),
        ("model.encoder.channel_multipliers", [1] * 6, "encoder.channel_multipliers need at least 128"),
        ("model.encoder", 7, r"\n  model\.encoder: expected keys and values below it, found 7"),
        ("small_cnn.shift", 32, r"small_cnn\.shift is 32, expected less than half of images\.size"),
        ("explain.image_ids", ["film 7"], "'film 7' is no id of a radiograph; expected `cohort/id`"),
        ("explain.image_ids", ["hospital/7"], "'hospital/7' is no id of a radiograph"),
        ("explain.image_ids", ["padchest/7"] * 2, r"explain\.image_ids: 'padchest/7' is there 2 times"),
        ("explain.targets", [" "], r"explain\.targets"),
        ("figures.names", ["auc_forrest"], "figures.names: .*no figure 'auc_forrest'; did you mean 'auc_forest'"),
        ("figures.names", [], r"figures\.names"),
        ("evaluation.bootstrap.resamples", 38, r"evaluation\.bootstrap: `resamples` is 38: .*take 39 at least"),
        ("evaluation.bootstrap.confidence", 0.999, r"`resamples` is 1000: .*take 1999 at least"),
        ("evaluation.subgroups.attributes", ["sex", "sex"], r"evaluation\.subgroups\.attributes: 'sex' is there 2"),
        ("data_efficiency.fractions", [0.1, 0.1], r"data_efficiency\.fractions: .*each fraction once"),
        ("data_efficiency.findings", ["Edema", "Edema"], r"data_efficiency\.findings: 'Edema' is there 2 times"),
        ("reader_study.bootstrap_resamples", 38, r"reader_study\.bootstrap_resamples"),
        ("reader_study.ratings", "", r"reader_study\.ratings"),
        ("runtime.launch", "", r"runtime\.launch"),
        ("runtime.device", "GPU 1", r"runtime\.device"),
        ("cohorts.padchest.root", "", r"cohorts\.padchest\.root"),
        ("cohorts.ward", WARD | {"label": ["Edema"]}, r"\n  cohorts\.ward\.label: unknown key \(found \['Edema'\]\)"),
        (
            "cohorts.ward",
            WARD | {"labels": "Edema"},
            r"\n  cohorts\.ward\.labels: expected a list, .*found 'Edema' \(write \[Edema\]",
        ),
        ("cohorts.ward", WARD | {"table": 1}, r"\n  cohorts\.ward\.table: .*found 1 \(write '1', in quotation marks\)"),
        ("cohorts.ward", WARD | {"where": {"site": [1]}}, r"\n  cohorts\.ward\.where\.site\.0: .*write '1'"),
        ("cohorts.ward", WARD | {"labels": None}, r"\n  cohorts\.ward: a cohort with `use: probe` needs"),
        ("cohorts.ward", WARD | {"separator": None}, r"\n  cohorts\.ward\.separator: "),
        (
            "cohorts.ward",
            WARD | {"use": "pretrain", "labels": None, "indicators": {"AP": {"view": ["AP"]}}},
            "or write `indicators: null`",
        ),
        (
            "cohorts.ward",
            WARD | {"use": "pretrain", "split": "part", "roles": {"a": "test"}},
            "then `split: null` and `roles: null`",
        ),
        ("cohorts.ward", WARD | {"roles": {"a": "test"}}, "or write `roles: null`"),
        ("cohorts.ward", WARD | {"labels": []}, r"\n  cohorts\.ward: a cohort with `use: probe` needs"),
        ("cohorts.ward", WARD | {"format": "csv"}, r"\n  cohorts\.ward\.format: expected 'padchest'.*, found 'csv'"),
        ("cohorts.ward", WARD | {"format": "tabel"}, r"\.format: expected .*, found 'tabel'; did you mean 'table'\?"),
        (
            "cohorts.ward",
            TABLE | {"format": "nih"},
            r": 1 problem\(s\)\n  cohorts\.ward: 5 unknown keys \(table, labels, ",
        ),
        ("cohorts.ward", WARD | {"format": ["table"]}, r"\.format: expected 'padchest'.*, found \['table'\]"),
        ("cohorts.ward", WARD | {"use": "prob"}, r"\.use: expected 'pretrain' or 'probe', found 'prob'; did you mean"),
        ("cohorts.ward", WARD | {"zip": 5}, r"\.zip: expected a text or a list, such as \[one, two\], found 5$"),
        (
            "cohorts.ward",
            WARD | {"bits_stored": 99},
            r"expected a number less than or equal to 16 or a text, found 99$",
        ),
        ("cohorts.ward", WARD | {"delimiter": ";;"}, r"expected a text of at most 1 character\(s\), found ';;'"),
        ("cohorts.ward", [WARD], r"\n  cohorts\.ward: expected keys and values below it, found "),
        ("cohorts", ["ward"], r"\n  cohorts: expected keys and values below it, found \['ward'\]"),
        ("cohorts.datasets", ["padchst"], r"no section `cohorts.padchst`; did you mean 'padchest'\?"),
        ("evaluation.dataset", "padchst", r"evaluation\.dataset is 'padchst', .*did you mean 'padchest'\?"),
        ("explane", {"targets": ["goiter"]}, r"explane: unknown key .*; did you mean `explain`\?"),
        ("cohorts.ward", {"root": "x"}, r"\n  cohorts\.ward\.format: missing"),
        ("cohorts.ward", WARD | {"encoding": "base64"}, r"cohorts\.ward\.encoding: 'base64' is no text encoding"),
        ("cohorts.ward", WARD | {"encoding": "ansi"}, r"cohorts\.ward\.encoding: 'ansi' is no text encoding"),
        ("cohorts.ward", WARD | {"delimiter": '"'}, r"cohorts\.ward\.delimiter: '\"' cannot divide cells"),
        ("cohorts.ward", WARD | {"separator": ""}, r"cohorts\.ward\.separator: "),
        ("pretrain.learning_rate", "1e-3", r"found '1e-3' \(a text: write it without quotation marks"),
        ("pretrain.compile", "yes", r"found 'yes' \(write true or false"),
        ("probe", None, r"\n  probe: expected keys and values below it, found nothing \(null\)"),
    ],
)
def test_mistakes_are_named(raw, key, value, message):
    *parents, last = key.split(".")
    section = raw
    for parent in parents:
        section = section[parent]
    section[last] = value
    with pytest.raises(ParamsError, match=message):
        Params.parse(raw)


@pytest.mark.parametrize(
    "name",
    [
        *("ward 3", "ward/3", "../ward", "-ward", "", " ", "ward*", "$ward", "ward\n", "ward@3", "ward:3", "ward.3"),
        *("Neumotórax", "3", "con", "LPT1", "null", "NaN", "Yes", "w" * 65),
    ],
)
def test_names_that_go_into_paths_and_commands_are_refused_with_the_form_they_may_have(raw, name):
    sections = {
        "cohorts": {"format": "nih", "root": "x"},
        "baselines": {"scores": "x.csv"},
        "classifiers": {"kind": "onnx", "file": "x.onnx"},
    }
    for section, content in sections.items():
        changed = raw | {section: raw[section] | {name: content}}
        with pytest.raises(ParamsError, match=r"cannot be a (cohort|model|classifier)'s name[;:] .*take "):
            Params.parse(changed)
        Params.parse(raw | {section: raw[section] | {"Ward-3_b": content}})


def test_so_few_redraws_that_limits_are_extremes_are_refused():
    """At least one redraw, of all and the sample itself, lies in each tail."""
    for confidence in (0.5, 0.8, 0.9, 0.95, 0.99, 0.999):
        least = next(number for number in range(1, 3000) if (number + 1) * (1 - confidence) / 2 > 1 - 1e-9)
        enough_redraws(least, confidence, key="resamples")
        with pytest.raises(ValueError, match=f"take {least} at least"):
            enough_redraws(least - 1, confidence, key="resamples")


def test_every_figure_can_be_named():
    assert list(FIGURES) == list(FIGURE_NAMES)


def test_ddim_steps_that_do_not_fit_are_told_with_those_that_do(raw):
    """Against the sampler, for every number."""
    raw["explain"] |= {"solver": "ddim", "encode_steps": 37}
    with pytest.raises(ParamsError, match=r"explain\.encode_steps is 37, .*timesteps 1000 .*; take 36 or 38"):
        Params.parse(raw)
    for steps in range(1, 130):
        try:
            fits = len(ddim_timesteps(120, steps)) == steps
        except ValueError:
            fits = False
        try:
            check_steps("explain.decode_steps", steps, solver="ddim", timesteps=120)
        except DataError as error:
            assert not fits
            for number in re.findall(r"\d+", str(error).partition("take")[2]):
                assert len(ddim_timesteps(120, int(number))) == int(number)
        else:
            assert fits


def test_the_reference_follows_the_models_that_can_score(raw):
    def found():
        params = ComparedModels.parse(raw)
        return params.reference, params.baselines.ready

    assert found() == ("pca", ["pca"])
    raw["baselines"]["own"] = {"scores": "own.csv"}
    assert found() == ("pca", ["pca", "own"])
    raw["baselines"]["chexzero"]["checkpoints"] = ["a.pt"]
    assert found() == ("chexzero", ["chexzero", "pca", "own"])
    raw["evaluation"]["reference"] = "own"
    assert found()[0] == "own"
    with pytest.raises(ParamsError, match=r"baselines\.nowhere is not defined \(defined: chexzero, pca, own\)"):
        ComparedModels.parse(raw).baselines["nowhere"]


def test_only_ddim_needs_a_whole_stride(raw):
    raw["explain"] |= {"solver": "dpm_solver", "encode_steps": 60, "decode_steps": 17}
    Params.parse(raw)
    raw["explain"]["solver"] = "ddim"
    with pytest.raises(ParamsError, match=r"explain\.encode_steps is 60, but no whole stride"):
        Params.parse(raw)


def test_missing_section_is_named(raw):
    del raw["probe"]
    with pytest.raises(ParamsError, match="probe: missing"):
        Params.parse(raw)


def test_missing_and_broken_files(tmp_path):
    with pytest.raises(ParamsError, match="no such file"):
        Params.load(tmp_path / "params.yaml")
    (tmp_path / "params.yaml").write_text("a: [1,")
    with pytest.raises(DataError, match=r"params\.yaml, line 1, column 7: not valid YAML"):
        Params.load(tmp_path / "params.yaml")


def test_a_table_cohort_needs_labels_to_probe(raw):
    raw["cohorts"]["own"] = {"format": "table", "root": "x", "table": "index.csv"}
    with pytest.raises(ParamsError, match="needs `labels` or `findings`"):
        Params.parse(raw)


class Some(StageParams):
    probe: ProbeParams
    drawing: Annotated[AuditDrawingParams, Key("confounders")]
    least: Annotated[Fraction, Key("evaluation.min_scored")]
    model: Annotated[Baseline, Key("baselines.${key}")]
    runtime: RuntimeParams


def test_a_stage_reads_its_keys_and_no_others(raw):
    raw["evaluation"] = {"min_scored": 0.25, "and": "nothing else"}
    params = Some.parse(raw, key="pca")
    assert params.least == 0.25
    assert params.model == PcaParams(components=64, seed=0)
    assert params.drawing.images == raw["confounders"]["images"]
    assert not hasattr(params.drawing, "flagged")
    assert not hasattr(params, "evaluation")


def test_a_stage_tracks_sections_whole_parts_key_by_key_and_never_where_it_runs():
    keys = [f"confounders.{name}" for name in sorted(AuditDrawingParams.model_fields)]
    assert Some.tracked() == ["baselines.${key}", *keys, "evaluation.min_scored", "probe"]


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("evaluation.min_scored", 2.0, "evaluation.min_scored: .*less than or equal to 1, found 2.0"),
        ("probe.fractoin", 0.1, "probe.fractoin: unknown key"),
        ("confounders.images", "many", "confounders.images: .*found 'many'"),
        ("baselines.pca.components", 0, r": 1 problem\(s\)\n  baselines\.pca\.components: .*greater than"),
    ],
)
def test_mistakes_in_a_stages_keys_are_named_as_in_the_file(raw, key, value, message):
    *sections, last = key.split(".")
    functools.reduce(dict.__getitem__, sections, raw)[last] = value
    with pytest.raises(ParamsError, match=message):
        Some.parse(raw, key="pca")


def test_a_missing_key_of_a_stage_is_named(raw):
    del raw["evaluation"]["min_scored"]
    with pytest.raises(ParamsError, match=r"evaluation\.min_scored: missing"):
        Some.parse(raw, key="pca")


def test_parts_are_sections_less_some_keys():
    """Every key that a part names is one of the section's, with the same type."""
    assert set(AuditDrawingParams.model_fields) < set(ConfoundersParams.model_fields)
    assert ConfoundersParams.model_config["extra"] == ProbeParams.model_config["extra"] == "forbid"
