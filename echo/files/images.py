"""Pictures: opened and decoded once before they are kept, under a limit of pixels."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from io import BytesIO
from typing import TYPE_CHECKING, BinaryIO

from echo.errors import PayloadTooLarge
from echo.files.kinds import unsupported

if TYPE_CHECKING:
    from PIL import Image

# EXIF 2.32, tag 0x0112: with these values a viewer turns the picture by a quarter.
_ORIENTATION, _TURNED = 0x0112, frozenset({5, 6, 7, 8})
_FORMATS = ("GIF", "JPEG", "PNG", "WEBP")
# A picture at the limit takes some 160 MB when decoded; one at a time bounds what a process needs.
_one_at_a_time = threading.Lock()


@dataclass(frozen=True)
class Dimensions:
    """The size of a picture in pixels as a viewer shows it, turned as its EXIF orientation says."""

    width: int
    height: int


def measure(stream: BinaryIO, *, max_pixels: int) -> Dimensions:
    """The dimensions of a picture that can be decoded whole (of an animation: its first frame).

    Raises `PayloadTooLarge` (`image_too_large`) for one of more pixels, before anything is decoded, and
    `UnsupportedMediaType` (`unsupported_file`) for one that is cut off or broken.
    """
    with _opened(stream, max_pixels) as image:
        return _dimensions(image)


def peek(content: bytes) -> Dimensions | None:
    """The dimensions that a picture names at its beginning; nothing is decoded. None where there are none."""
    # Imported on first use, as below.
    from PIL import Image  # noqa: PLC0415

    try:
        with Image.open(BytesIO(content), formats=_FORMATS) as image:
            return Dimensions(image.width, image.height)
    except Exception:
        # As below.
        return None


@contextmanager
def _opened(stream: BinaryIO, max_pixels: int) -> "Iterator[Image.Image]":
    # Imported on first use: many processes never see a picture.
    from PIL import Image  # noqa: PLC0415

    stream.seek(0)
    try:
        with _one_at_a_time, Image.open(stream, formats=_FORMATS) as image:
            _check_pixels(image, max_pixels)
            image.load()
            yield image
    except PayloadTooLarge:
        raise
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise _too_large(max_pixels) from error
    except Exception as error:
        # Decoders raise whatever they run into in broken data: OSError, SyntaxError, ValueError, struct.error, ...
        raise unsupported("The image is broken or incomplete.") from error


def _check_pixels(image: "Image.Image", max_pixels: int) -> None:
    if image.width * image.height > max_pixels:
        raise _too_large(max_pixels)


def _too_large(max_pixels: int) -> PayloadTooLarge:
    return PayloadTooLarge(f"Images may have at most {max_pixels} pixels.", code="image_too_large")


def _dimensions(image: "Image.Image") -> Dimensions:
    if image.getexif().get(_ORIENTATION) in _TURNED:
        return Dimensions(image.height, image.width)
    return Dimensions(image.width, image.height)


def square(stream: BinaryIO, *, side: int, max_pixels: int) -> bytes:
    """A PNG of the middle of a picture, at most `side` pixels wide and high; of an animation its first frame.

    It is drawn anew, so that nothing else of the file is kept: no place of a photograph, nothing hidden.
    Raises as `measure` does.
    """
    from PIL import Image, ImageOps  # noqa: PLC0415

    with _opened(stream, max_pixels) as image:
        upright = ImageOps.exif_transpose(image).convert("RGBA")
        length = min(side, upright.width, upright.height)
        fitted = ImageOps.fit(upright, (length, length), Image.Resampling.LANCZOS)
        # Without what the file said besides, which Pillow hands on.
        fitted.info.clear()
        made = BytesIO()
        fitted.save(made, "PNG")
    return made.getvalue()
