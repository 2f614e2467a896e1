"""DICOM radiographs to pixels as they are meant to be seen: gray, padding black, pixels square (PS3.3 C.7 and C.11)."""

from typing import NamedTuple

import numpy as np

from diffchest.images.dicom_file import open_dicom
from diffchest.images.dicom_header import parsing
from diffchest.images.dicom_pixels import pixel_header, raw_integers, stored_integers
from diffchest.images.grayscale import shown
from diffchest.images.padding import padded_pixels
from diffchest.images.spacing import square_pixels


class DicomFacts(NamedTuple):
    """What a header says of the pixels, and nothing of the patient."""

    bits_stored: int
    inverted: bool


def decode_dicom(data: bytes) -> np.ndarray:
    """Decode a single-frame monochrome DICOM file to float32 [H, W] in [0, 1], 0 black.

    The stored values go through the modality LUT or rescale and then through the first VOI LUT, else the first window;
    0 and 1 are the ends of its output range. Without either they are the ends of what `BitsStored` bits can hold, or of
    the values in use where those are far fewer. MONOCHROME1 is inverted; the Presentation LUT Shape says the same thing
    again in radiographs (PS3.3 C.8.11.3) and is not read. Padding is black whatever the rest says. Pixels that are not
    square are resampled. Raises `DataError`.
    """
    dataset = open_dicom(data)
    header = pixel_header(dataset)
    raw = raw_integers(dataset, header)
    stored = stored_integers(raw, header)
    padding = padded_pixels(raw, stored, dataset, header)
    with parsing("values"):
        gray = shown(stored, padding, dataset, header)
        if header.inverted:
            gray = 1.0 - gray
        if padding is not None:
            gray[padding] = 0.0
        return square_pixels(gray, dataset)


def dicom_facts(data: bytes) -> DicomFacts:
    """What the header of a DICOM file says of its pixels; raises `DataError`."""
    header = pixel_header(open_dicom(data, pixels=False))
    return DicomFacts(header.bits_stored, header.inverted)
