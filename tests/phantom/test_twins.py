"""A twin is the same radiograph but for one finding, and what makes no difference has none."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from diffchest import paths
from diffchest.contracts.image_store import ImageStore
from diffchest.contracts.manifest import read_manifest
from diffchest.errors import DataError
from diffchest.params.whole import Params
from diffchest.phantom.layouts.padchest import COLUMNS
from diffchest.phantom.pictures import Picture, draw_picture
from diffchest.phantom.public_labels import PADCHEST_TABLE
from diffchest.phantom.registry import plausible
from diffchest.phantom.twins import CHANGED, Drawing, as_drawn, draw_twins, finding_mask, no_twins, stored_as

DRAWING = Drawing(size=64, stored=48, seed=0, placements=3)


def patient(name, *findings, sex="M", **own):
    known = {"view": "PA", "sex": sex, "age": 60.0, "bits": 12, "inverted": False} | own
    return Picture("", name, findings, patient=name, image=name, **known)


KNOWN = {
    "healthy": patient("h"),
    "woman": patient("w", sex="F", inverted=True, bits=10),
    "device": patient("d", "dual chamber device", "pacemaker", "goiter"),
}


def twins_of(**asked):
    twins, table = draw_twins(KNOWN, asked, DRAWING, workers=1)
    return twins, table.set_index(["finding", "direction"])


def square(name):
    return stored_as(draw_picture(KNOWN[name], size=64, seed=0), KNOWN[name], 48)


@pytest.mark.parametrize("bits", [10, 12, 16])
@pytest.mark.parametrize("inverted", [False, True])
def test_a_drawn_image_is_stored_as_it_is(bits, inverted):
    """At the size it is drawn in: within half a gray level, as rounding says."""
    picture = patient("h", "cardiomegaly", bits=bits, inverted=inverted)
    image = draw_picture(picture, size=64, seed=0)
    assert np.abs(stored_as(image, picture, 64) - 255 * image).max() <= 0.5 + 255 / 2**bits


def test_twins_of_added_findings_differ_in_the_finding_alone():
    """Where a goiter, a tube and a prosthesis lie, and nowhere else: most of the chest is pixel for pixel the same."""
    twins, table = twins_of(healthy=[("goiter", True), ("NSG tube", True)], woman=[("mammary prosthesis", True)])
    apart = {"goiter": np.s_[24:], "NSG tube": np.s_[:, :12], "mammary prosthesis": np.s_[:12]}
    assert set(twins.image_id) == {"healthy", "woman"}
    assert twins.added.all()
    assert twins.picture.shape == (len(twins.image_id), 48, 48)
    for row, name in enumerate(twins.image_id):
        change = np.abs(twins.picture[row].astype(int) - square(name))
        assert change.max() > 10
        assert change[apart[twins.finding[row]]].max() == 0
        assert 0.01 < twins.mask[row].mean() < 0.25
        assert change[~twins.mask[row]].max() <= CHANGED
    assert table.loc[("goiter", "added"), "twins"] == twins.finding.count("goiter") > 1  # each its own chance


def test_placements_are_different_pictures_and_the_first_is_the_stored_one():
    twins, _ = twins_of(healthy=[("calcified granuloma", True)])
    assert twins.placement.tolist() == [0, 1, 2]
    assert len({picture.tobytes() for picture in twins.picture}) == 3
    stored = replace(KNOWN["healthy"], findings=("calcified granuloma",))
    drawn = stored_as(draw_picture(stored, size=64, seed=0), stored, 48)
    assert np.array_equal(twins.picture[0], drawn)


def test_what_is_removed_has_one_twin_with_all_other_findings():
    twins, table = twins_of(device=[("goiter", False)])
    without = replace(KNOWN["device"], findings=("dual chamber device", "pacemaker"))
    drawn = stored_as(draw_picture(without, size=64, seed=0), without, 48)
    assert np.array_equal(twins.picture, drawn[None])
    assert not twins.added.any()
    assert table.loc[("goiter", "removed")].to_dict() == {"radiographs": 1, "twins": 1, "no_op": 0, "implausible": 0}


def test_a_specific_device_goes_with_its_generic_label():
    """Without its label alone it would still be drawn, as a pacemaker."""
    twins, _ = twins_of(device=[("dual chamber device", False)])
    without = replace(KNOWN["device"], findings=("goiter",))
    drawn = stored_as(draw_picture(without, size=64, seed=0), without, 48)
    assert np.array_equal(twins.picture, drawn[None])


def test_no_ops_and_implausible_findings_are_left_out_and_counted():
    twins, table = twins_of(
        healthy=[("mastectomy", True), ("kyphosis", True), ("gynecomastia", True)],
        woman=[("gynecomastia", True)],
        device=[("pacemaker", False), ("goiter", True)],
    )
    assert set(zip(twins.image_id, twins.finding, strict=True)) == {("healthy", "gynecomastia")}
    left = table[["no_op", "implausible"]]
    assert left.loc[("mastectomy", "added")].tolist() == [0, 1]
    assert left.loc[("kyphosis", "added")].tolist() == [1, 0]  # no picture shows it
    assert left.loc[("pacemaker", "removed")].tolist() == [1, 0]  # the dual chamber device is drawn
    assert left.loc[("goiter", "added")].tolist() == [1, 0]  # there already
    assert left.loc[("gynecomastia", "added")].tolist() == [0, 1]
    assert table.loc[("gynecomastia", "added"), "radiographs"] == 2


def test_they_do_not_depend_on_the_number_of_processes():
    asked = {name: [("goiter", True)] for name in ("healthy", "woman")}
    one, two = (draw_twins(KNOWN, asked, DRAWING, workers=workers)[0] for workers in (1, 2))
    assert np.array_equal(one.picture, two.picture)
    assert one.ids == two.ids


def test_a_mask_is_one_pixel_wider_than_what_changes():
    picture = np.zeros((1, 7, 7), dtype=np.uint8)
    picture[0, 3, 3], picture[0, 0, 6] = 200, CHANGED
    expected = np.zeros((1, 7, 7), dtype=bool)
    expected[0, 2:5, 2:5] = True
    assert np.array_equal(finding_mask(picture, np.zeros((7, 7), dtype=np.uint8)), expected)
    assert no_twins(7).mask.shape == (0, 7, 7)


def test_a_sex_that_is_not_known_is_drawn_male():
    assert [plausible("mastectomy", sex) for sex in ("F", "M", "nan")] == [True, False, False]
    assert [plausible("gynecomastia", sex) for sex in ("F", "M", "nan")] == [False, True, True]
    assert plausible("cardiomegaly", "F")


def test_a_radiograph_that_the_table_lacks_is_named(tmp_path):
    path = tmp_path / "table.csv.gz"
    with pytest.raises(DataError, match="no such table"):
        as_drawn(path, ["padchest/a"])
    pd.DataFrame(columns=list(COLUMNS)).to_csv(path, index=False)
    with pytest.raises(DataError, match="no row of 'padchest/a'"):
        as_drawn(path, ["padchest/a"])


def test_the_twin_of_nothing_is_the_stored_radiograph(root):
    """Of the default run, where there is one."""
    table = root / paths.PHANTOM / "padchest" / PADCHEST_TABLE
    params = Params.load(root / "params.yaml")
    if not (table.is_file() and (root / paths.IMAGES).is_file() and (root / paths.STORED_MANIFEST).is_file()):
        pytest.skip("no finished run")
    manifest = read_manifest(root / paths.STORED_MANIFEST)
    ids = manifest.loc[manifest["dataset"] == "padchest", "image_id"].sample(20, random_state=0).tolist()
    stored = ImageStore(root / paths.IMAGES).read(ids).astype(int)
    known = as_drawn(table, ids)
    drawn = [draw_picture(known[name], size=params.phantom.size, seed=params.phantom.seed) for name in ids]
    again = [stored_as(image, known[name], params.images.size) for image, name in zip(drawn, ids, strict=True)]
    assert np.abs(np.array(again) - stored).max() <= 1
