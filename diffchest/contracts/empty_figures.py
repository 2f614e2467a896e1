"""What the file of a figure says of itself: that its inputs held nothing to draw, and why."""

from pathlib import Path

from PIL import Image

KEY = "Nothing to draw"  # of the text in a PNG


def why_empty(path: Path) -> str:
    """Why the PNG `path` only says that there is nothing to draw; "" where it shows something, or is missing."""
    if not path.is_file():
        return ""
    with Image.open(path) as picture:
        return str(picture.info.get(KEY, ""))
