"""Every 16-bit PNG of a cohort has one scale, and PadChest's has the right one however it was made."""

import zipfile

import numpy as np
import pytest

from diffchest.cohorts.ingest import read_cohort
from diffchest.errors import DataError
from diffchest.images.decoding import decode
from diffchest.images.sources import SourceReader
from diffchest.params.cohorts import PadchestCohort, TableCohort
from tests.helpers.cohort_roots import padchest_row, png, write_padchest

SCENE = np.linspace(0, 1, 4096).reshape(64, 64)


def padchest(folder, scale, names):
    """A root whose images span `scale` values."""
    root = write_padchest(folder, [padchest_row(name, name) for name in names], absent=tuple(names))
    with zipfile.ZipFile(root / "0.zip", "w") as archive:
        for name in names:
            archive.writestr(name, png(np.rint(SCENE * scale(name)).astype(np.uint16)))
    cohort = read_cohort("padchest", PadchestCohort(format="padchest", root=str(root)))
    reader = SourceReader(root)
    return [decode(reader.read(row.source), bits_stored=row.bits_stored) for row in cohort.images.itertuples()]


@pytest.mark.parametrize(("largest", "told"), [(4095, "as stored"), (65535, "spread over 16 bits")])
def test_padchest_as_stored_and_spread_over_sixteen_bits(tmp_path, capsys, largest, told):
    for pixels in padchest(tmp_path, lambda _: largest, ["a.png", "b.png", "c.png"]):
        np.testing.assert_allclose(pixels, SCENE, atol=1 / 4095)
    assert told in capsys.readouterr().err


def test_one_brighter_image_does_not_change_the_others(tmp_path):
    largest = {"a.png": 4095, "b.png": 65535, "c.png": 4000}
    with pytest.raises(DataError, match=r"pixel values \(to 65535\) exceed the 12 bits"):
        padchest(tmp_path, largest.__getitem__, list(largest))


def own(folder, **options):
    """A cohort of three scenes, of which two have one brighter pixel; the bits and polarity of each image."""
    for number, pixel in enumerate([1000, 1023, 65535]):
        values = np.rint(SCENE * 1000).astype(np.uint16)
        values[0, 0] = pixel
        (folder / f"{number}.png").write_bytes(png(values))
    rows = ["image,patient_id,A,bits,white", "0.png,p,1,12,MONOCHROME1", "1.png,q,0,,", "2.png,r,1,16,false"]
    (folder / "t.csv").write_text("\n".join(rows))
    cohort = TableCohort(format="table", root=str(folder), table="t.csv", labels=["A"], **options)
    images = read_cohort("own", cohort).images
    return list(zip(images["bits_stored"], images["inverted"], strict=True))


def test_a_table_that_says_nothing(tmp_path, capsys):
    assert own(tmp_path) == [(10, False)] * 3
    assert "10 bits, all are divided by 1023; if that is wrong, set `bits_stored`" in capsys.readouterr().err


def test_values_and_columns_of_the_users(tmp_path, capsys):
    assert own(tmp_path, bits_stored=12, inverted=True) == [(12, True)] * 3
    assert capsys.readouterr().err == ""
    assert own(tmp_path, bits_stored="bits", inverted="white") == [(12, True), (10, False), (16, False)]


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"bits_stored": "white"}, r"t.csv: column 'white' \(`bits_stored`\): expected whole .* found 'MONOCHROME1'"),
        ({"inverted": "bits"}, r"t.csv: column 'bits' \(`inverted`\): expected MONOCHROME1, .* found '12'"),
        ({"bits_stored": "nothing"}, "'nothing'"),
    ],
)
def test_columns_that_say_something_else_are_named(tmp_path, options, reason):
    with pytest.raises(DataError, match=reason):
        own(tmp_path, **options)
