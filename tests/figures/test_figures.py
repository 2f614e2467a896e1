import io
import re
from dataclasses import replace
from importlib import import_module
from pkgutil import iter_modules

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure
from matplotlib.text import Text
from PIL import Image
from sklearn.decomposition import PCA

from diffchest import figures, paths
from diffchest.contracts.explained import Explained
from diffchest.contracts.image_store import ImageStore
from diffchest.contracts.manifest import read_manifest, write_manifest
from diffchest.contracts.twins import Twins
from diffchest.errors import DataError
from diffchest.figures import auc_forest, confounder_matrix, contact_sheet, phantom_gallery, study_flow, teaser
from diffchest.figures.frame import subject
from diffchest.figures.latent_space import principal_plane
from diffchest.figures.registry import FIGURES, chosen, save_figure
from diffchest.figures.settings import FigureParams
from diffchest.figures.style import DIVERGING, ID_LINES, RC, NothingToDrawError, id_lines, shortened, signed_difference
from diffchest.params.whole import Params
from diffchest.report.contents import SECTIONS
from tests.helpers.report_inputs.flow import DECODING_FLOW, FLOW
from tests.helpers.report_inputs.whole import write_inputs


@pytest.fixture(scope="module")
def params(root):
    loaded = FigureParams.load(root / "params.yaml")
    return loaded.model_copy(update={"figures": loaded.figures.model_copy(update={"dpi": 50})})


@pytest.fixture(scope="module")
def reports(root, tmp_path_factory):
    folder = tmp_path_factory.mktemp("figures")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        paths.DATA.mkdir()
        write_inputs(Params.load(root / "params.yaml"))
    return folder


def texts(figure: Figure) -> str:
    return " ".join(text.get_text() for text in figure.findobj(lambda artist: hasattr(artist, "get_text")))


def told(name, params):
    """All that a figure says, on one line."""
    return texts(FIGURES[name](params)).replace("\n", " ")


def with_keys(params, **sections):
    """`params` with some keys of its sections `move` and `drawn` changed."""
    changed = {name: getattr(params, name).model_copy(update=keys) for name, keys in sections.items()}
    return params.model_copy(update=changed)


def on_real_data(params):
    return params.model_copy(update={"phantoms": []})


def test_every_module_that_draws_is_registered_under_its_name_and_has_a_place_in_the_report():
    modules = {name: import_module(f"diffchest.figures.{name}") for _, name, _ in iter_modules(figures.__path__)}
    assert {name: module.draw for name, module in modules.items() if hasattr(module, "draw")} == FIGURES
    assert {item.name for section in SECTIONS for item in section.figures} == set(FIGURES)


def test_all_figures_are_drawn_or_those_of_a_list():
    assert chosen("all") == list(FIGURES)
    assert chosen(["teaser", "auc_forest"]) == ["teaser", "auc_forest"]


@pytest.mark.parametrize("name", sorted(FIGURES))
def test_figure_is_180_mm_wide_and_says_whose_radiographs(name, params, reports, monkeypatch):
    monkeypatch.chdir(reports)
    figure = FIGURES[name](params)
    assert figure.get_size_inches()[0] == pytest.approx(180 / 25.4)
    assert "phantom radiographs" in figure.get_suptitle().replace("\n", " ")


@pytest.mark.parametrize(("name", "dataset"), [("counterfactuals", "padchest"), ("data_efficiency", "chexpert")])
def test_figure_of_real_radiographs_names_the_dataset(name, dataset, params, reports, monkeypatch):
    monkeypatch.chdir(reports)
    assert FIGURES[name](on_real_data(params)).get_suptitle().endswith(f"· {dataset}")


def test_titles_name_every_cohort_and_say_which_is_drawn(params):
    assert subject(params) == "phantom radiographs (padchest)"
    assert subject(params, ["padchest", "chexpert"]) == "phantom radiographs (padchest, chexpert)"
    mixed = params.model_copy(update={"phantoms": ["chexpert"]})
    assert subject(mixed, ["chexpert", "archive"]) == "chexpert (phantoms), archive"
    assert subject(mixed) == "padchest"


def test_pictures_of_pretraining_are_named_after_their_own_cohort(params, reports, monkeypatch, tmp_path):
    """Held-out radiographs of an archive are not those of the cohort that is evaluated."""
    monkeypatch.chdir(reports)
    ids, manifest = ["archive/a.png", "archive/b.png"], read_manifest(paths.STORED_MANIFEST)
    manifest.loc[manifest.index[:2], "dataset"] = "archive"
    for column in ("image_id", "patient_id"):
        manifest.loc[manifest.index[:2], column] = ids
    write_manifest(tmp_path / "images.parquet", manifest)
    np.savez(tmp_path / "pictures.npz", **{**np.load(paths.PRETRAIN_PICTURES), "image_id": ids})
    monkeypatch.setattr(paths, "STORED_MANIFEST", tmp_path / "images.parquet")
    monkeypatch.setattr(paths, "PRETRAIN_PICTURES", tmp_path / "pictures.npz")
    figure = FIGURES["pretrain_progress"](params)
    assert figure.get_suptitle().replace("\n", " ").endswith("reconstructions · archive")
    under = [axes.texts[0].get_text() for axes in figure.axes if axes.texts]
    assert under == ids


@pytest.mark.parametrize(
    "name",
    ["counterfactuals", "counterfactual_grid", "step_sweep", "failures", "true_twins", "teaser", "reconstructions"],
)
def test_image_ids_stand_below_the_radiographs(name, params, reports, monkeypatch):
    monkeypatch.chdir(reports)
    assert re.search(r"padchest/\d\.png", told(name, params).replace(" ", ""))


@pytest.mark.parametrize("letters", [5, 60, 300])
def test_a_long_image_id_keeps_both_ends(letters):
    image_id = "first" + "x" * letters + "last.png"
    lines = id_lines(image_id, 20.0)
    assert max(map(len, lines)) <= 20
    assert len(lines) <= ID_LINES
    joined = "".join(lines)
    assert joined.startswith("first")
    assert joined.endswith("last.png")
    assert (joined == image_id) == (len(image_id) <= 20 * ID_LINES)


def test_captions_say_what_the_labels_say_and_not_who_is_healthy(params, reports, monkeypatch):
    monkeypatch.chdir(reports)
    assert "test radiographs labelled normal and nothing else" in told("teaser", params)
    asked = params.model_copy(update={"image_ids": ["padchest/0.png"]})
    assert "radiographs named in explain.image_ids" in told("teaser", asked)
    away = with_keys(params, move={"towards": "absence"})
    assert "test radiographs labelled with the finding" in told("teaser", away)


def test_figures_of_readers_say_when_they_are_simulated(params, reports, monkeypatch, tmp_path):
    monkeypatch.chdir(reports)
    for given, simulated in ((params, True), (on_real_data(params), False)):
        drawn = texts(FIGURES["data_efficiency"](given))
        assert ("simulated reader bc4" in drawn, "radiologist bc4" in drawn) == (simulated, not simulated)
        assert "AUC · readers above, below" in drawn
    assert "simulated readers" in FIGURES["reader_agreement"](params).get_suptitle()
    real = pd.read_csv(paths.table("reader_pairwise")).replace("simulated ", "radiologist ", regex=True)
    real.to_csv(tmp_path / "reader_pairwise.csv", index=False)
    folder = paths.TABLES.resolve()
    monkeypatch.setattr(
        paths, "table", lambda name: (tmp_path if name == "reader_pairwise" else folder) / f"{name}.csv"
    )
    assert "simulated" not in FIGURES["reader_agreement"](params).get_suptitle()


def test_agreement_matrices_hold_every_pair_twice(params, reports, monkeypatch):
    monkeypatch.chdir(reports)
    axes = FIGURES["reader_agreement"](params).axes[:2]
    pairs = pd.read_csv(paths.table("reader_pairwise"))
    for matrix, (_, rows) in zip(axes, pairs.groupby("kind", sort=False), strict=True):
        expected = [f"{row.agree / row.total:.1%}\n{row.agree}/{row.total}" for row in rows.itertuples()]
        cells = {text.get_position(): text.get_text() for text in matrix.texts}
        assert sorted(cells.values()) == sorted(2 * expected)
        assert all(cells[y, x] == text for (x, y), text in cells.items())


@pytest.mark.parametrize(
    ("move", "caption"),
    [
        ({}, "z moved towards the finding by 1 × the difference from without to with, all other findings held (alone)"),
        ({"edit": "plausible", "step": 5.0}, "z moved towards the finding by 5 SD of the logit (plausible)"),
        ({"towards": "absence", "edit": "eq5"}, "z moved away from the finding by 1 w (eq5)"),
        ({"edit": "plausible", "to_probability": 0.9}, "until the score of z is 0.9, by 1 to 1 SD of the logit"),
    ],
)
def test_counterfactual_figures_say_how_z_was_moved(move, caption, params, reports, monkeypatch):
    monkeypatch.chdir(reports)
    changed = with_keys(params, move=move)
    for name in ("counterfactuals", "counterfactual_grid", "failures", "teaser"):
        assert caption in told(name, changed)
    titles = " ".join(FIGURES[name](changed).get_suptitle() for name in ("counterfactual_grid", "step_sweep"))
    away = changed.move.towards == "absence"
    assert titles.count("away from") == 2 * away
    assert ("moved away from" in told("teaser", changed)) == away
    rest = ", ".join(Explained.load(paths.SHOWN).targets[4:])
    assert f"not shown here: {rest}" in told("counterfactuals", changed)


@pytest.mark.parametrize(
    ("drawn", "caption", "start"),
    [
        ({}, "denoised radiograph is added to the radiograph, where the change is large, scaled towards", "radiograph"),
        ({"picture": "decode", "local": None, "corrections": 0}, "; decoded from x_T; numbers", "reconstruction"),
        ({"picture": "decode", "corrections": 0}, "; decoded from x_T, where the change is large; num", "radiograph"),
    ],
)
def test_counterfactual_figures_say_how_pictures_were_made_and_from_what(
    drawn, caption, start, params, reports, monkeypatch
):
    monkeypatch.chdir(reports)
    changed = with_keys(params, drawn=drawn)
    for name in ("counterfactuals", "counterfactual_grid", "failures"):
        assert caption in told(name, changed)
        assert f"the head's probability, {start} → counterfactual" in told(name, changed)
    explained = Explained.load(paths.SHOWN)
    first = FIGURES["counterfactuals"](changed).axes[0]
    assert first.get_title() == start
    expected = explained.original if start == "radiograph" else explained.reconstruction
    np.testing.assert_array_equal(first.get_images()[0].get_array(), expected[0])


@pytest.mark.parametrize("name", ["counterfactuals", "failures", "step_sweep", "teaser"])
def test_true_twins_stand_beside_counterfactuals_where_there_are_any(name, params, reports, monkeypatch, tmp_path):
    monkeypatch.chdir(reports)
    assert "true twin: the same phantom drawn with the finding" in told(name, params) or name == "teaser"
    assert "true twin" in told(name, params)
    assert "cosine 0." in told(name, params)
    twins = Twins.load(paths.TWINS)
    other_way = with_keys(params, move={"towards": "absence"})  # the twins are of findings that are added
    none = replace(twins, **{key: value[:0] for key, value in vars(twins).items()})
    none.save(tmp_path / "twins.npz")
    assert "twin" not in told(name, other_way)
    monkeypatch.setattr(paths, "TWINS", tmp_path / "twins.npz")
    assert "twin" not in told(name, params)


def test_teaser_shows_the_flagged_case_nearest_to_its_twin_or_the_strongest_confounder(reports, monkeypatch):
    monkeypatch.chdir(reports)
    explained = Explained.load(paths.SHOWN)
    first, second, third = explained.targets[:3]
    pairs = pd.DataFrame({"target": [first, second, third], "flagged": [True, True, False], "effect": [1.0, 2.0, 3.0]})
    cosines = {(0, 0): 0.4, (0, 1): 0.6, (1, 1): 0.5, (2, 0): 0.9}
    explained.logits_after[:, range(3), range(3)] = 3.0  # all cross 0.5
    assert teaser.choose(explained, pairs, cosines, sign=1) == (0, 1)
    assert teaser.choose(explained, pairs.assign(flagged=False), cosines, sign=1) == (2, 0)
    explained.logits_after[1, 0, 0] = -3.0  # nobody believes a picture whose score stays where it was
    assert teaser.choose(explained, pairs, cosines, sign=1) == (1, 1)
    rise = explained.after[:, 1] - explained.before[:, 1]
    assert teaser.choose(explained, pairs, {}, sign=1) == (1, np.argmax(rise))
    assert teaser.choose(explained, pairs, {}, sign=-1) == (1, np.argmin(rise))
    with pytest.raises(NothingToDrawError, match="no row"):
        teaser.choose(explained, pairs.assign(target="goiter"), cosines, sign=1)


def test_teaser_says_what_the_other_scores_of_the_very_picture_did_in_their_spread(params, reports, monkeypatch):
    monkeypatch.chdir(reports)
    explained = Explained.load(paths.SHOWN)
    explained.logits_after[:, 0, 1:3] = explained.logits_before[:, 1:3] + np.array([-4.0, 3.0])
    others = teaser.others_in(explained, 2, 0)
    assert others.iloc[:2].to_dict() == pytest.approx({explained.targets[1]: -2.0, explained.targets[2]: 1.5})
    assert explained.targets[0] not in others.index
    assert len(others) == len(explained.findings) - 1


@pytest.mark.parametrize(
    ("towards", "judge", "words"),
    [
        ("presence", "added twin", ("moved towards a finding", "the same phantom drawn with the finding")),
        ("absence", "removed twin", ("moved away from a finding", "the same phantom drawn without the finding")),
    ],
)
def test_quality_figure_follows_the_direction(towards, judge, words, params, reports, monkeypatch, tmp_path):
    """The cosines shown are those of the twins whose finding was added, or removed."""
    monkeypatch.chdir(reports)
    table = pd.read_csv(paths.table("counterfactual_quality"))
    cosine = (table["judge"] == judge) & (table["measure"] == "cosine")
    table.loc[cosine, ["value", "low", "high"]] = 0.875
    table.to_csv(tmp_path / "counterfactual_quality.csv", index=False)
    monkeypatch.setattr(paths, "table", lambda name: tmp_path / f"{name}.csv")
    changed = with_keys(params, move={"towards": towards})
    first = FIGURES["counterfactual_quality"](changed).axes[0]
    assert "cosine" in first.get_xlabel()
    points = np.concatenate([line.get_xdata() for line in first.lines if len(line.get_xdata()) == 1])
    assert (points == 0.875).all()
    assert all(text in told("counterfactual_quality", changed) for text in words)
    table[table["judge"] != judge].to_csv(tmp_path / "counterfactual_quality.csv", index=False)
    assert "twin" not in told("counterfactual_quality", changed)


@pytest.mark.parametrize("judges", [["head"], ["head", "added twin"]])
def test_quality_figure_shows_falls_and_rises(judges, params, reports, monkeypatch, tmp_path):
    monkeypatch.chdir(reports)
    table = pd.read_csv(paths.table("counterfactual_quality"))
    table = table[table["judge"].isin(judges)]
    table[["value", "low", "high"]] *= -1
    table.to_csv(tmp_path / "counterfactual_quality.csv", index=False)
    for folder in (paths.TABLES, tmp_path):
        monkeypatch.setattr(paths, "table", lambda name, folder=folder: folder / f"{name}.csv")
        for axes in FIGURES["counterfactual_quality"](params).axes:
            low, high = axes.get_xlim()
            points = np.concatenate([line.get_xdata() for line in axes.lines if len(line.get_xdata()) == 1])
            assert low <= points.min() <= points.max() <= high


@pytest.mark.parametrize("name", ["teaser", "auc_forest"])
def test_png_is_the_same_bytes_twice_and_names_no_software(name, params, reports, monkeypatch, tmp_path):
    monkeypatch.chdir(reports)
    first, second = tmp_path / "1.png", tmp_path / "2.png"
    save_figure(name, params, first)
    save_figure(name, params, second)
    assert first.read_bytes() == second.read_bytes()
    assert not {"Software", "Creation Time", "date"} & set(Image.open(io.BytesIO(first.read_bytes())).info)


@pytest.mark.parametrize("rows", [0, 1])
def test_tables_with_no_or_one_row_can_be_drawn(rows, params, reports, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    for source in [*reports.glob("reports/tables/**/*.csv"), *reports.glob("reports/plots/*.csv")]:
        target = tmp_path / source.relative_to(reports)
        target.parent.mkdir(parents=True, exist_ok=True)
        pd.read_csv(source).head(rows).to_csv(target, index=False)
    for folder in ("data", "models", "reports/metrics"):
        (tmp_path / folder).symlink_to(reports / folder)
    for name in FIGURES.keys() - {"phantom_gallery"}:  # reads no table
        save_figure(name, params, tmp_path / f"{name}.png")
    if rows == 0:
        with pytest.raises(NothingToDrawError, match=r"reader_pairwise\.csv has no rows.*ratings/README"):
            FIGURES["reader_agreement"](params)


@pytest.mark.parametrize("name", ["teaser", "confounder_matrix", "confounder_examples", "responses"])
def test_audit_figures_need_neither_kinds_nor_label_witness(name, params, reports, monkeypatch, tmp_path):
    monkeypatch.chdir(reports)
    table = pd.read_csv(paths.table("confounders")).assign(kind="", p_b_given_a=np.nan, lift=np.nan, planted=False)
    table.to_csv(tmp_path / "confounders.csv", index=False)
    pd.read_csv(paths.table("auc")).to_csv(tmp_path / "auc.csv", index=False)
    monkeypatch.setattr(paths, "table", lambda name: tmp_path / f"{name}.csv")
    save_figure(name, on_real_data(params), tmp_path / f"{name}.png")


def test_the_mean_below_the_forest_is_that_of_the_report(params, reports, monkeypatch):
    """Of drawn findings on phantoms, of all findings of real radiographs."""
    monkeypatch.chdir(reports)
    table = pd.read_csv(paths.table("auc"))
    ours = table[(table["model"] == "diffchest") & table["auc"].notna() & (table["kind"] == "finding")]
    drawn = ours[ours["drawn"]]
    assert 0 < len(drawn) < len(ours)
    for given, rows, what in ((params, drawn, "drawn findings"), (on_real_data(params), ours, "findings")):
        (legend,) = auc_forest.draw(given).legends
        assert legend.get_texts()[0].get_text() == f"DiffChest: mean of {len(rows)} {what} {rows['auc'].mean():.3f}"


def test_missing_file_names_the_stage_to_run(params, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(DataError, match=r"auc\.csv: no such file; run `dvc repro evaluate`"):
        auc_forest.draw(params)


def test_gallery_spreads_no_real_radiograph(params):
    with pytest.raises(NothingToDrawError, match="are real"):
        phantom_gallery.draw(on_real_data(params))


def test_contact_sheet_shows_each_chosen_square_and_says_what_is_not_known(params, reports, monkeypatch):
    monkeypatch.chdir(reports)
    sheet = pd.read_csv(paths.CONTACT_SHEET)
    store = ImageStore(paths.IMAGES)
    picture, lines = contact_sheet.mosaic(sheet, store)
    assert lines == {"drawn at random": 4, "darkest": 1, "brightest": 1, "fewest grays": 1}
    step = picture.shape[0] // 7
    darkest = store.read([sheet.loc[sheet["kind"] == "darkest", "image_id"].iloc[2]])[0]
    place = slice(4 * step, 4 * step + store.size), slice(2 * step, 2 * step + store.size)
    np.testing.assert_array_equal(picture[place], darkest)
    told_there = told("contact_sheet", params)
    assert "120 images" in told_there
    assert "not known: age 0, sex 0, view 0" in told_there


def test_contact_sheet_numbers_its_squares_and_lists_every_image_id(params, reports, monkeypatch):
    """The number stands in the square of its image; ids of other hospitals are long and keep both ends."""
    monkeypatch.chdir(reports)
    sheet = pd.read_csv(paths.CONTACT_SHEET)
    figure = contact_sheet.draw(params)
    listed = {text.get_text(): text for text in figure.texts}
    for number, image_id in enumerate(sheet["image_id"], start=1):
        assert listed[f"{number}"].get_position()[0] < listed[image_id].get_position()[0]
    squares = next(axes for axes in figure.axes if axes.images)
    numbers = {text.get_text(): text.get_position() for text in squares.texts if text.get_text().isdigit()}
    step = squares.images[0].get_array().shape[0] / 7
    assert {number: (y // step, x // step) for number, (x, y) in numbers.items()} == {
        f"{number + 1}": (number // 10, number % 10) for number in range(70)
    }
    figure.draw_without_rendering()
    below = squares.get_window_extent().y0
    ids = [text.get_window_extent() for text in figure.texts if text.get_text() in set(sheet["image_id"])]
    assert all(0 < box.y0 < box.y1 < below and box.x1 < figure.bbox.width for box in ids)


def test_an_id_too_long_for_its_place_loses_its_middle():
    assert shortened("ward/0123456789.png", 10) == "ward…9.png"
    assert shortened("ward/1.png", 10) == "ward/1.png"


@pytest.mark.parametrize("number", [1, 4, 8])
def test_names_of_columns_keep_clear_of_the_title(number, params, reports, monkeypatch):
    """However many targets there are, of names with one to three lines."""
    monkeypatch.chdir(reports)
    made = Explained.load(paths.SHOWN)
    long = ["pleural effusion", "mass", "calcified densities and osteoarthropathy", "tube", *map(str, range(4))][
        :number
    ]
    called = dict(zip(made.targets, long, strict=False))
    of_targets = ("counterfactual", "step", "scale", "logits_wanted", "logits_after")
    cut = {name: getattr(made, name)[:, :number] for name in of_targets}
    changed = replace(made, targets=long, findings=[called.get(name, name) for name in made.findings], **cut)
    monkeypatch.setattr("diffchest.figures.counterfactuals.read_explained", lambda: changed)
    with mpl.rc_context(RC):
        figure = FIGURES["counterfactuals"](params)
        figure.draw_without_rendering()
    title = next(text for text in figure.findobj(Text) if text.get_text() == figure.get_suptitle())
    names = [axes.title.get_window_extent() for axes in figure.axes if axes.get_title()]
    assert len(names) == 1 + 2 * min(number, 4)
    millimetre = figure.dpi / 25.4
    assert title.get_window_extent().y0 - max(box.y1 for box in names) > millimetre


def test_gallery_prefers_the_radiograph_with_the_fewest_other_findings():
    labels = pd.DataFrame({"cardiomegaly": [1, 1, 0], "pacemaker": [1, 0, 0], "kyphosis": [0, 0, 1]}, index=list("abc"))
    assert phantom_gallery.choose_examples(labels) == {"cardiomegaly": ("b", 0), "pacemaker": ("a", 1)}


def test_flow_chart_shows_every_count(params, reports, monkeypatch):
    monkeypatch.chdir(reports)
    drawn = texts(study_flow.draw(params))
    for _, _, images, patients in [*FLOW, *DECODING_FLOW[:3]]:
        assert f"{images:,} images" in drawn
        assert f"{patients:,} patients" in drawn


def test_flow_levels_put_branches_and_roles_side_by_side():
    rows = pd.DataFrame([row[1:] for row in FLOW if row[0] == "padchest"], columns=["step", "images", "patients"])
    sizes = [len(level.steps) for level in study_flow.levels(rows)]
    assert sizes == [1, 1, 1, 1, 1, 2, 3, 1, 3]


def test_principal_plane_spans_the_same_plane_as_sklearn():
    z = np.random.default_rng(0).normal(size=(200, 6)) @ np.diag([1, 1, 1, 5, 2, 1]) + 3
    z[:, 1] += z[:, 0]
    plane, explained = principal_plane(z)
    reference = PCA(2).fit((z - z.mean(0)) / z.std(0))
    np.testing.assert_allclose(np.abs(plane), np.abs(reference.transform((z - z.mean(0)) / z.std(0))), atol=1e-8)
    np.testing.assert_allclose(explained, reference.explained_variance_ratio_)


def test_zero_change_is_white_and_signs_are_kept():
    assert DIVERGING(0.5)[:3] == pytest.approx((1, 1, 1), abs=0.01)
    change = signed_difference(np.array([[0, 255]], np.uint8), np.array([[255, 0]], np.uint8))
    np.testing.assert_allclose(change, [[-100, 100]])


def test_matrix_order_keeps_every_pair():
    names = [f"f{number}" for number in range(60)]
    effects = pd.DataFrame(np.random.default_rng(0).normal(size=(50, 60)), index=names[:50], columns=names)
    matrix = confounder_matrix.ordered(confounder_matrix.chosen(effects))
    assert matrix.shape == (confounder_matrix.LARGEST, confounder_matrix.LARGEST)
    pd.testing.assert_frame_equal(matrix, effects.loc[matrix.index, matrix.columns])
    assert list(matrix.index) == list(matrix.columns)
