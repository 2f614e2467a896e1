"""The sizes of image that are decoded at all, checked on a file's header before memory is taken for its pixels."""

from diffchest.errors import DataError

LARGEST = 80_000_000  # pixels; a radiograph has at most about 20 million
SMALLEST = 16  # pixels on a side; less is an icon or a placeholder


def check_size(height: int, width: int) -> None:
    """Raise `DataError` unless an image of `height` x `width` pixels can be a radiograph."""
    if height * width > LARGEST:
        raise too_large()
    if min(height, width) < SMALLEST:
        raise DataError(f"smaller than {SMALLEST} x {SMALLEST} pixels")


def too_large() -> DataError:
    """The error for an image of more than `LARGEST` pixels."""
    return DataError(f"more than {LARGEST:,} pixels")
