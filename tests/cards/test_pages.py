"""The cards of two made-up runs, of phantoms and of a hospital's radiographs, against counts made by hand."""

import hashlib
import html
import json
import re

import numpy as np
import pandas as pd
import pytest
from safetensors.numpy import save_file

from diffchest import paths
from diffchest.cards.pages import PAGES, build_pages
from diffchest.cards.report_page import read_report
from diffchest.cards.settings import CardParams
from diffchest.errors import DataError
from diffchest.files.tables import write_metrics
from diffchest.files.yaml import read_mapping
from diffchest.report.build import build_report
from diffchest.report.contents import ReportParams
from tests.helpers.report_inputs.made_up import write_csv

HOSPITAL = {"format": "table", "root": "images", "table": "befunde.csv", "use": "probe", "labels": ["Erguss", "Zufall"]}


def write_run(dataset: str, *, drawn: list[bool], kind: list[str]) -> None:
    """90 rows of 70 patients, 20 not frontal, 5 undecodable; 45 images of 36 patients to train on, 20 of 17 to test."""
    steps = {"listed in the table": (90, 70), "excluded: not frontal": (20, 15), "excluded: not adult": (0, 0)}
    steps |= {"finetune": (48, 39), "test": (22, 18)}
    decoding = {"excluded: image cannot be decoded": (5, 4), "finetune": (45, 36), "test": (20, 17)}
    for name, counted in (("study_flow", steps), ("decoding_flow", decoding)):
        images, patients = zip(*counted.values(), strict=True)
        write_csv(name, dataset=dataset, step=list(counted), images=images, patients=patients)
    write_csv(
        "decoded",
        dataset=[dataset],
        images=[65],
        age_unknown=[3],
        sex_unknown=[7],
        view_unknown=[11],
        equal_across_roles=[2],
    )
    rows = [("Erguss", "finetune", 12), ("Erguss", "test", 6), ("Zufall", "finetune", 30), ("Zufall", "test", 0)]
    finding, role, positives = zip(*rows, strict=True)
    write_csv("positives", dataset=dataset, finding=finding, role=role, positives=positives, images=65)
    cells = ["Alter: blank as age", "Alter: not understood as age"]
    write_csv("understood", dataset=dataset, about="cells", what=cells, number=[2, 1], of=[90, 90], example="")
    ours = {"finding": ["Zufall", "Erguss"], "positives": [25, 6], "auc": [0.5, 0.9], "low": [0.4, 0.8]}
    ours |= {"high": [0.6, 0.95], "drawn": drawn, "kind": kind}
    other = {**ours, "finding": ["Theirs", "Others"]}
    both = [pd.DataFrame(ours).assign(model="diffchest"), pd.DataFrame(other).assign(model="pca")]
    write_csv("auc", **pd.concat(both))
    gap = {"measure": "auc", "attribute": "sex", "lowest": "F", "highest": "M"}
    gaps = [{**gap, "finding": f, "gap": g, "p_holm": p} for f, g, p in (("Erguss", 0.31, 0.01), ("Zufall", 0.02, 0.9))]
    write_csv("subgroup_gaps", **pd.DataFrame(gaps).assign(model="diffchest"))
    mean = {
        "macro_auc": 0.7,
        "macro_auc_low": 0.6,
        "macro_auc_high": 0.8,
        "macro_auc_findings": 2,
        "macro_auc_left_out": 1,
    }
    mean |= {"drawn_macro_auc": 0.9, "drawn_macro_auc_findings": 1} if any(drawn) else {}
    write_metrics(paths.stage_metrics("evaluate"), {"diffchest": mean})
    write_metrics(
        paths.stage_metrics("confounders"), {"pairs": 2, "flagged": 1, "small_cnn": {"pairs": 4, "flagged": 3}}
    )
    write_metrics(paths.stage_metrics("pretrain"), {"parameters": {"unet": 1234}, "images": {"shown": 5678}})


def write_model(params) -> None:
    """A model's file with its configuration, and a head."""
    paths.MODELS.mkdir()
    config = {"model": params["model"], "diffusion": params["diffusion"], "image_size": 48}
    save_file({"w": np.zeros(1)}, paths.AUTOENCODER, metadata={"diffchest": json.dumps(config)})
    paths.HEAD.write_bytes(b"head")


@pytest.fixture
def cards(root, tmp_path, monkeypatch):
    """Makes a run of one cohort in an empty folder, and returns its cards as text and as HTML, by name."""
    monkeypatch.chdir(tmp_path)
    raw = read_mapping(root / "params.yaml")

    def made(dataset, *, drawn, phantoms, kind=("finding", "finding"), **cohort):
        raw["cohorts"] |= {"datasets": [dataset], dataset: {**raw["cohorts"].get(dataset, {}), **cohort}}
        raw["phantom"]["datasets"] = phantoms
        raw["evaluation"]["dataset"] = dataset
        write_run(dataset, drawn=drawn, kind=list(kind))
        write_model(raw)
        paths.REPORT.write_text(build_report(ReportParams.parse(raw), {}))
        write_csv("confounders", target=["Erguss", "Zufall"], confounder=["Drainage", "Erguss"], flagged=[True, False])
        pages = build_pages(CardParams.parse(raw))
        assert set(pages) == set(PAGES)
        return {name.removesuffix(".html"): (plain(text), text) for name, text in pages.items()}

    return made


def plain(text: str) -> str:
    """What a reader sees."""
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", text[text.index("<body>") :])).split())


def hospital(cards):
    return cards("hospital", drawn=[False, False], phantoms=[], **HOSPITAL)


def test_cards_hold_the_counts(cards):
    made = hospital(cards)
    card, sheet, lists = (made[name][0] for name in ("model_card", "datasheet", "checklists"))
    assert "Mean AUC 0.700 (0.600 to 0.800) of 2 findings; 1 with too few cases left out." in card
    assert card.index("Erguss 6 0.900 0.800 to 0.950") < card.index("Zufall 25 0.500 0.400 to 0.600")
    assert "Theirs" not in card
    assert "1 of the 2 labels with an AUC have fewer than 20 test positives." in card
    assert "The interval of 1 of them holds 0.5" in card
    assert "auc by sex: 1 of 2 (largest: Erguss: F to M, 0.31)" in card
    assert "diffchest: 1 of 2 pairs flagged; small_cnn: 3 of 4 pairs flagged" in card
    assert "Our head: Drainage for Erguss." in card
    assert "5,678 images shown" in card
    assert "unet 1,234" in card
    assert "squares of 48 px" in card
    assert hashlib.sha256(b"head").hexdigest() in card
    assert hashlib.sha256(paths.AUTOENCODER.read_bytes()).hexdigest() in card
    assert "65 images take part" in sheet
    assert "finetune 45 36 2 Zufall (30), Erguss (12)" in sheet
    assert "test 20 17 1 Erguss (6)" in sheet
    assert "not frontal 20 15 image cannot be decoded 5 4" in sheet
    assert "not adult" not in sheet
    assert "without lateral views where a column tells them, unless `lateral` is keep" in sheet
    assert "age is not known of 3, sex of 7, view of 11" in sheet
    assert "Column Alter: blank as age: 2 of 90 cells. Column Alter: not understood as age: 1 of 90 cells." in sheet
    assert "Radiographs with the pixels of one in another role: 2." in sheet
    assert "hospital: finetune 45 images of 36 patients, test 20 images of 17 patients." in lists


def test_cards_of_real_radiographs_claim_no_phantoms_and_ask_their_owner(cards):
    made = hospital(cards)
    for text, page in made.values():
        assert "phantom" not in text.lower()
        assert "not drawn" not in text.lower()
        assert "PadChest" not in page
    assert made["datasheet"][0].count("for you to write") > 7
    assert "ethics approval" in made["datasheet"][0]


def test_cards_of_phantoms_say_what_is_real(cards):
    made = cards("padchest", drawn=[False, True], phantoms=["padchest"])
    assert "The label table of PadChest is real" in made["datasheet"][0]
    assert "padchest, phantoms" in made["datasheet"][0]
    assert "ethics" not in made["datasheet"][0]
    card = made["model_card"][0]
    assert "The radiographs of padchest are drawn phantoms" in card
    assert "1 of the 2 labels with an AUC are not drawn" in card
    assert "Zufall (not drawn) 25" in card
    assert "Erguss 6" in card
    assert "Mean AUC 0.900 of 1 drawn findings." in card  # as at the top of the report


def test_what_is_no_finding_is_said_beside_its_auc(cards):
    card = cards("hospital", drawn=[False, False], phantoms=[], kind=["indicator", "finding"], **HOSPITAL)[
        "model_card"
    ][0]
    assert "Zufall (no finding: indicator, in no mean) 25 0.500" in card
    assert "Erguss 6 0.900" in card


def test_cards_of_a_published_cohort_name_its_terms_and_faults(cards):
    made = cards("nih", drawn=[False, False], phantoms=[], format="nih", root="nih", use="official")
    assert "NIH Clinical Center" in made["datasheet"][0]
    assert "text-mined" in made["datasheet"][0]
    assert "The official split of the dataset." in made["datasheet"][0]
    assert "The view goes with the findings." in made["model_card"][0]
    assert "phantom" not in made["datasheet"][0].lower()


def test_every_link_leads_to_a_section_of_the_report(cards):
    page = hospital(cards)["checklists"][1]
    sections = set(re.findall(r'<section id="([^"]+)"', paths.REPORT.read_text()))
    linked = set(re.findall(r'href="index.html#([^"]+)"', page))
    assert linked
    assert linked <= sections
    assert read_report()["tables/auc"] == "classification"
    assert "Not made in this run: tables/calibration" in plain(page)
    outside = re.findall(r'(?:href|src)="((?:https?:)?//[^"]*)"', page)
    assert not outside


def test_a_missing_table_or_report_is_named_with_its_stage(cards, root):
    hospital(cards)
    raw = read_mapping(root / "params.yaml")
    raw["cohorts"] |= {"datasets": ["hospital"], "hospital": HOSPITAL}
    raw["evaluation"]["dataset"] = "hospital"
    params = CardParams.parse(raw)
    paths.REPORT.unlink()
    with pytest.raises(DataError, match=r"index\.html: no such file; run `dvc repro report`"):
        build_pages(params)
    paths.AUTOENCODER.write_bytes(b"no model")
    with pytest.raises(DataError, match="not a DiffChest model"):
        build_pages(params)
    paths.table("decoded").unlink()
    with pytest.raises(DataError, match=r"decoded\.csv: no such file; run `dvc repro build_lmdb`"):
        build_pages(params)
