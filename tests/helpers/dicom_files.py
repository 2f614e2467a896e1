"""DICOM files written in memory by pydicom, for the tests."""

import io
from collections.abc import Iterable

import imagecodecs
import numpy as np
from PIL import Image
from pydicom import Dataset, uid
from pydicom.dataset import FileMetaDataset
from pydicom.encaps import encapsulate


def dicom(values: np.ndarray, *, bits: int, syntax: str = uid.ExplicitVRLittleEndian, **elements) -> bytes:
    """A digital radiograph of integers [H, W] of `bits` bits; `elements` add to the header, or replace what it says.

    A tuple is a value representation, whichever is due, and a value.
    """
    dataset = header(values.shape, bits=bits, signed=bool(values.min() < 0), **elements)
    order = ">" if syntax == uid.ExplicitVRBigEndian else "<"
    native = values.astype(f"{order}{'i' if values.min() < 0 else 'u'}{dataset.BitsAllocated // 8}")
    vr = "OW" if dataset.BitsAllocated > 8 else "OB"
    if syntax in (uid.JPEG2000Lossless, uid.RLELossless):
        dataset.add_new("PixelData", vr, native.tobytes())
        plugin = "pylibjpeg" if syntax == uid.JPEG2000Lossless else "pydicom"
        dataset.file_meta.TransferSyntaxUID = uid.ExplicitVRLittleEndian
        dataset.compress(syntax, encoding_plugin=plugin, generate_instance_uid=False)
    elif uid.UID(syntax).is_encapsulated:
        encoded = jpeg(native.view(f"u{native.itemsize}"), bits, syntax)
        dataset.add_new("PixelData", "OB", encapsulate([encoded]))
        dataset["PixelData"].is_undefined_length = True
    else:
        dataset.add_new("PixelData", vr, native.tobytes() + b"\0" * (native.nbytes % 2))
    return written(dataset, syntax)


def header(shape: tuple[int, int], *, bits: int, signed: bool = False, **elements) -> Dataset:
    """Everything but the pixel data."""
    dataset = Dataset()
    dataset.file_meta = FileMetaDataset()
    dataset.SOPClassUID = uid.DigitalXRayImageStorageForPresentation
    dataset.SOPInstanceUID = "1.2.3.4"
    dataset.SamplesPerPixel = 1
    dataset.PhotometricInterpretation = "MONOCHROME2"
    dataset.Rows, dataset.Columns = shape
    dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit = (8 if bits <= 8 else 16), bits, bits - 1
    dataset.PixelRepresentation = int(signed)
    for keyword, value in elements.items():
        if isinstance(value, tuple):
            dataset.add_new(keyword, *value)
        else:
            setattr(dataset, keyword, value)
    return dataset


def written(dataset: Dataset, syntax: str) -> bytes:
    """The bytes of the file."""
    dataset.file_meta.TransferSyntaxUID = uid.UID(syntax)
    buffer = io.BytesIO()
    little, implicit = syntax != uid.ExplicitVRBigEndian, syntax == uid.ImplicitVRLittleEndian
    encoding = {} if uid.UID(syntax).is_transfer_syntax else {"little_endian": little, "implicit_vr": implicit}
    dataset.save_as(buffer, enforce_file_format=True, **encoding)
    return buffer.getvalue()


def jpeg(values: np.ndarray, bits: int, syntax: str) -> bytes:
    """A JPEG code stream, each kind from a library that is not the one that decodes it wherever there is one."""
    if syntax == uid.JPEGBaseline8Bit:
        buffer = io.BytesIO()
        Image.fromarray(values).save(buffer, format="JPEG", quality=98)
        return buffer.getvalue()
    if syntax == uid.JPEGLossless:
        return bytes(imagecodecs.ljpeg_encode(values, bitspersample=bits))
    if syntax == uid.JPEGLosslessSV1:
        return bytes(imagecodecs.jpeg8_encode(values, bitspersample=bits, lossless=True, predictor=1))
    return bytes(imagecodecs.jpeg8_encode(values, bitspersample=bits, level=98))


def lookup_table(entries: Iterable[int], first: int, bits: int) -> Dataset:
    """An item of a modality or VOI LUT sequence, its entries in words; `bits`: what its descriptor says of an entry."""
    words = np.array(list(entries), dtype="<u2")
    item = Dataset()
    item.add_new("LUTDescriptor", "US" if first >= 0 else "SS", [len(words), first, bits])
    item.add_new("LUTData", "OW", words.tobytes())
    return item
