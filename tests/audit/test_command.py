"""`python -m diffchest.audit`: a classifier that is told what it is to look at, on radiographs in which it is drawn."""

import json
import sys
from dataclasses import replace
from hashlib import sha256

import numpy as np
import onnx
import pandas as pd
import pytest
from PIL import Image
from ruamel.yaml import YAML

from diffchest.audit.__main__ import main
from diffchest.contracts.head import Head
from diffchest.counterfactuals.fitting import fit_moves
from diffchest.counterfactuals.pictures import encode_latents
from diffchest.model.autoencoder import load_autoencoder, save_autoencoder
from diffchest.params.whole import Params
from diffchest.probe.fit import fit_head
from diffchest.progress import run
from tests.helpers.repository import ROOT
from tests.helpers.tiny_onnx import DESCRIPTOR, linear_onnx
from tests.helpers.tiny_parts import tiny_model

SIZE, NUMBER = 16, 120
HALVES = {"goiter": np.s_[:8, :], "pacemaker": np.s_[8:, :]}  # where each is drawn
METADATA = {**DESCRIPTOR, "size": SIZE, "names": ["goiter", "pacemaker"]}


def looks_at(*places):
    """Weights [K, 256]: an output for each place, the mean brightness there, with a weight."""
    rows = []
    for place in places:
        weight = np.zeros((SIZE, SIZE), np.float32)
        for name, amount in place.items():
            weight[HALVES[name]] += amount / 16
        rows.append(weight.ravel())
    return np.array(rows)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Radiographs whose upper half is brighter with goiter and lower half with a pacemaker, and their label table.

    A classifier whose score of goiter looks at the pacemaker as well, and a network, head and moves of such pictures.
    """
    folder = tmp_path_factory.mktemp("audit")
    rng = np.random.default_rng(0)
    labels = pd.DataFrame(rng.integers(0, 2, (NUMBER, 2)), columns=list(HALVES)).astype(float)
    pixels = rng.normal(80, 6, (NUMBER, SIZE, SIZE))
    for name, place in HALVES.items():
        for row, there in enumerate(labels[name]):
            pixels[row][place] += 60 * there + rng.normal(0, 8)
    films = np.clip(pixels, 0, 255).astype(np.uint8)
    (folder / "films").mkdir()
    names = [f"{number:03d}" for number in range(NUMBER)]
    for name, film in zip(names, films, strict=True):
        Image.fromarray(film).save(folder / "films" / f"{name}.png")
    rows = pd.DataFrame({"image_id": names, "patient_id": names, "view": "PA", "sex": ["F", "M"] * (NUMBER // 2)})
    rows["age"] = rng.integers(20, 90, NUMBER)
    pd.concat([rows, labels.astype(int)], axis=1).to_csv(folder / "labels.csv", index=False)

    save_autoencoder(folder / "diffchest.safetensors", tiny_model())
    model = load_autoencoder(folder / "diffchest.safetensors")
    z = encode_latents(model, films)
    probe = Params.load(ROOT / "params.yaml").probe
    head, _ = fit_head(z, labels.to_numpy(), range(NUMBER), params=probe, findings=list(HALVES))
    head = replace(head, model_sha256=model.sha256)
    head.save(folder / "head.safetensors")
    fit_moves(z, labels, rows, head, name="toys").save(folder / "moves.npz")
    linear_onnx(
        folder / "m.onnx", weight=looks_at({"goiter": 1, "pacemaker": 0.8}, {"pacemaker": 1}), size=SIZE,
        metadata=METADATA,
    )  # fmt: skip
    (folder / "alone").mkdir()  # the network without head and moves, as the authors' weights come
    (folder / "alone" / "diffchest.safetensors").write_bytes((folder / "diffchest.safetensors").read_bytes())
    yaml = YAML()
    params = yaml.load(ROOT / "params.yaml")
    params["confounders"] |= {"images": 4, "encode_steps": 3, "decode_steps": 3, "random_directions": 2}
    params["interventions"] |= {"random_directions": 2}
    params["explain"] |= {"noise_draws": 1, "corrections": 1, "local": None}
    yaml.dump(params, folder / "params.yaml")
    return folder


def call(monkeypatch, folder, out, *more, **changed):
    """Run the command; changed: options by name, None for one that is left out."""
    given = {
        "classifier": folder / "m.onnx", "radiographs": folder / "films", "labels": folder / "labels.csv",
        "model": folder / "diffchest.safetensors", "params": folder / "params.yaml", "number": 8, "out": out,
    } | changed  # fmt: skip
    words = [f"--{name.replace('_', '-')}={value}" for name, value in given.items() if value is not None]
    monkeypatch.setattr(sys, "argv", ["audit", *words, *map(str, more)])
    run(main)


def test_a_score_that_looks_at_another_finding_is_told_by_labels(folder, tmp_path, monkeypatch, capsys):
    out = tmp_path / "out"
    call(monkeypatch, folder, out)
    told, notes = capsys.readouterr()
    assert told.startswith(f"audit: {out / 'index.html'}: 2 outputs; of 2 pairs 1 rise and 0 fall")
    assert "answered by labels for 2 findings." in notes
    assert not (tmp_path / "out.parts").exists()
    pairs = pd.read_csv(out / "pairs.csv").set_index(["target", "confounder"])
    assert pairs["judged_by"].tolist() == ["labels", "labels"]
    relied, other = pairs.loc[("goiter", "pacemaker")], pairs.loc[("pacemaker", "goiter")]
    films = pd.read_csv(folder / "labels.csv")
    pictures = np.stack([np.asarray(Image.open(folder / "films" / f"{n:03d}.png")) for n in films["image_id"]])
    logits = (pictures.reshape(NUMBER, -1) / 127.5 - 1) @ looks_at({"goiter": 1, "pacemaker": 0.8}).T
    expected = 60 / 127.5 * 128 * 0.8 / 16 / logits.std()  # what is drawn, times its weight, in SD
    assert relied["response"] == pytest.approx(expected, rel=0.1)
    assert relied["response_low"] < expected < relied["response_high"]
    assert relied["responds"] == "rises"
    assert abs(other["response"]) < 0.2
    assert pd.isna(other["responds"])
    assert relied[["picture", "picture_random", "effect"]].notna().all()

    gates = pd.read_csv(out / "gates.csv")
    assert set(gates["gate"]) >= {"finite", "same_batch", "polarity", "order", "auc_originals", "latents_r2"}
    record = json.loads((out / "audit.json").read_text())
    assert record["radiographs"]["number"] == record["radiographs"]["patients"] == NUMBER
    assert record["radiographs"]["changed"] == 8
    for name, file in (("model", "diffchest.safetensors"), ("head", "head.safetensors"), ("labels", "labels.csv")):
        assert record["sha256"][name] == sha256((folder / file).read_bytes()).hexdigest()
    page = (out / "index.html").read_text()
    assert "Not for diagnosis" in page
    assert "src=" not in page.replace('src="data:image/png;base64,', ""), "no other file"


def test_without_labels_pictures_answer_and_it_says_so(folder, tmp_path, monkeypatch, capsys):
    call(monkeypatch, folder, tmp_path / "out", labels=None)
    assert "No labels were given: no gate could check" in capsys.readouterr().err
    pairs = pd.read_csv(tmp_path / "out" / "pairs.csv")
    assert pairs["judged_by"].tolist() == ["pictures", "pictures"]
    assert pairs["response"].isna().all()
    np.testing.assert_array_equal(pairs["strength"], pairs["picture"])
    gates = set(pd.read_csv(tmp_path / "out" / "gates.csv")["gate"])
    assert gates == {"finite", "constant", "equal", "same_batch", "same_run", "latents_r2"}


def test_head_and_moves_that_are_not_there_are_fitted_to_the_labels(folder, tmp_path, monkeypatch, capsys):
    call(monkeypatch, folder, tmp_path / "out", model=folder / "alone" / "diffchest.safetensors")
    assert "head and moves of z were fitted to the labels of these radiographs" in capsys.readouterr().err
    record = json.loads((tmp_path / "out" / "audit.json").read_text())
    assert record["generator"] == {
        "fitted_on": {"dataset": "the radiographs of this audit", "radiographs": NUMBER},
        "fitted_here": ["head", "moves"],
    }
    pairs = pd.read_csv(tmp_path / "out" / "pairs.csv").set_index(["target", "confounder"])
    assert pairs.loc[("goiter", "pacemaker"), "responds"] == "rises"


def test_few_radiographs_answer_less_and_it_says_so(folder, tmp_path, monkeypatch, capsys):
    table = tmp_path / "few.csv"
    table.write_text("\n".join(["image", *(f"{folder}/films/{n:03d}.png" for n in range(12))]))
    (tmp_path / "films").mkdir()
    for n in range(12):
        (tmp_path / "films" / f"{n}.png").write_bytes((folder / "films" / f"{n:03d}.png").read_bytes())
    call(monkeypatch, folder, tmp_path / "out", radiographs=tmp_path / "films", labels=None, number=13)
    notes = capsys.readouterr().err
    assert "which takes radiographs of 16 patients; there are 12" in notes
    assert "--number: 13 radiographs were to be changed, 12 are: one per patient" in notes
    pairs = pd.read_csv(tmp_path / "out" / "pairs.csv")
    assert not pairs["appears"].any()
    assert "effect" not in pairs
    assert "latents_r2" not in set(pd.read_csv(tmp_path / "out" / "gates.csv")["gate"])


def test_findings_restrict_what_is_put_in_and_our_own_head_is_one_classifier(folder, tmp_path, monkeypatch):
    (tmp_path / "own.yaml").write_text("kind: own\n")
    own = {"classifier": None, "descriptor": tmp_path / "own.yaml"}
    call(monkeypatch, folder, tmp_path / "out", "--findings", "pacemaker", **own)
    pairs = pd.read_csv(tmp_path / "out" / "pairs.csv")
    assert json.loads((tmp_path / "out" / "audit.json").read_text())["findings"] == {
        "put_in": ["pacemaker"], "by_labels": ["pacemaker"],
    }  # fmt: skip
    assert pairs.loc[pairs["response"].notna(), "confounder"].tolist() == ["pacemaker"]


def label_table(folder, path, change):
    table = pd.read_csv(folder / "labels.csv", dtype={"image_id": str})
    change(table).to_csv(path, index=False)
    return path


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda t: t.assign(image_id="film " + t["image_id"]), "none of its 120 rows names one of the 120 radiographs"),
        (lambda t: t.assign(goiter=1, pacemaker=1), "no output has 5 radiographs with its finding and 5 without"),
        (lambda t: t.assign(goiter=1 - t["goiter"], pacemaker=1 - t["pacemaker"]), "polarity.*inverted pictures"),
        (lambda t: t.rename(columns={"goiter": "pacemaker", "pacemaker": "goiter"}), "order.*it ranks"),
    ],
)
def test_labels_that_do_not_fit_end_the_audit(folder, tmp_path, monkeypatch, change, message):
    path = label_table(folder, tmp_path / "labels.csv", change)
    weight = looks_at({"goiter": 1}, {"pacemaker": 1})
    linear_onnx(tmp_path / "plain.onnx", weight=weight, size=SIZE, metadata=METADATA)
    with pytest.raises(SystemExit, match=f"(?s)^error: .*{message}"):
        call(monkeypatch, folder, tmp_path / "out", labels=path, classifier=tmp_path / "plain.onnx")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("more", "changed", "message"),
    [
        ([], {"radiographs": "empty"}, "empty: no .png, .jpg, .jpeg, .dcm file in this folder"),
        ([], {"radiographs": "none"}, "none: no such file; --radiographs takes a folder"),
        ([], {"classifier": "unknown.onnx"}, "none of its 2 outputs has the name of a finding of ours"),
        ([], {"descriptor": "gpu.yaml"}, "providers .'CUDAExecutionProvider'. are not on this machine"),
        ([], {"model": "alone/diffchest.safetensors", "labels": None}, "nothing says how z of .* is moved towards"),
        ([], {"moves": "moves.npz", "model": "alone/diffchest.safetensors"}, "these moves go with a head"),
        ([], {"head": "other.safetensors", "moves": "moves.npz"}, "the head was fitted on the latents of autoencoder"),
        (
            [],
            {"model": "alone/diffchest.safetensors", "head": "other.safetensors"},
            "fitted on latents of another netw",
        ),
        (
            [],
            {"model": "alone/diffchest.safetensors", "positives_above": 90},
            "no finding of the labels has more than 90",
        ),
        (["--findings", "goitre"], {}, "--findings: 'goitre' can neither be put in.*goiter"),
        ([], {"out": "films"}, "the radiographs lie there, in .*films; name another folder with --out"),
    ],
)
def test_what_cannot_be_audited_is_told_in_a_line(folder, tmp_path, monkeypatch, more, changed, message):
    (folder / "empty").mkdir(exist_ok=True)
    (folder / "gpu.yaml").write_text("file: m.onnx\nproviders: [CUDAExecutionProvider]\n")
    model = onnx.load(folder / "m.onnx")
    for entry in model.metadata_props:
        if entry.key == "diffchest.names":
            entry.value = json.dumps(["Struma", "Lead"])
    onnx.save(model, folder / "unknown.onnx")
    replace(Head.load(folder / "head.safetensors"), model_sha256="other").save(folder / "other.safetensors")
    given = {"out": "out"} | changed
    paths = {key: folder / value if isinstance(value, str) else value for key, value in given.items()}
    with pytest.raises(SystemExit, match=f"(?s)^error: .*{message}"):
        call(monkeypatch, folder, paths.pop("out"), *more, **paths)
    assert not (folder / "out").exists()


@pytest.mark.parametrize(
    ("option", "value", "least"),
    [("seed", -1, 0), ("positives_above", -5, 0), ("number", 0, 4), ("number", 3, 4)],
)
def test_numbers_out_of_bounds_are_mistakes_of_the_command_line(
    folder, tmp_path, monkeypatch, capsys, option, value, least
):
    with pytest.raises(SystemExit) as ended:
        call(monkeypatch, folder, tmp_path / "out", **{option: value})
    assert ended.value.code == 2
    told = f"argument --{option.replace('_', '-')}: expected a whole number, {least} or more, found '{value}'"
    assert told in capsys.readouterr().err
