"""Pictures: allowed formats only, the header's size checked before a pixel is decoded, then upright sRGB."""

from __future__ import annotations

import contextlib
import io
import threading
import warnings
from collections.abc import Callable, Mapping

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageCms, UnidentifiedImageError

from hearsee.core.errors import BadMedia
from hearsee.core.media.jpegs import jpeg_pixels
from hearsee.core.media.kinds import Picture, Shrink
from hearsee.core.media.limits import Limits
from hearsee.core.media.magic import PICTURES, format_of, refusal

_ORIENTATION = 0x0112  # the EXIF tag
_UPRIGHT: Mapping[int, Callable[[NDArray[np.uint8]], NDArray[np.uint8]]] = {
    2: lambda pixels: pixels[:, ::-1],
    3: lambda pixels: pixels[::-1, ::-1],
    4: lambda pixels: pixels[::-1],
    5: lambda pixels: pixels.swapaxes(0, 1),
    6: lambda pixels: pixels[::-1].swapaxes(0, 1),
    7: lambda pixels: pixels[::-1, ::-1].swapaxes(0, 1),
    8: lambda pixels: pixels[:, ::-1].swapaxes(0, 1),
}
_SIDEWAYS, _FROM_BELOW, _FROM_RIGHT = (5, 6, 7, 8), (3, 4, 7, 8), (2, 3, 6, 7)  # whose first rows were the last
# What Pillow says that only its authors understand.
_SAID = {
    "MAX_TEXT": "its notes unpack to more than any picture needs",
    "could not create decoder": "its first block is not what the format wants",
    "broken PNG file": "one of its blocks is not what it says",
    "Unsupported BMP": "its header names a coding that does not exist",
    "cannot load this image": "its pixels cannot be unpacked",
    "failed to read next frame": "its pixels cannot be unpacked",
    "decoder error": "its pixels cannot be unpacked",
    "broken data stream": "its pixels cannot be unpacked",
    "unrecognized data stream": "its pixels cannot be unpacked",
}
# Pillow warns about odd but harmless metadata; `catch_warnings` swaps a global, so one thread at a time.
_quietly = threading.Lock()


def decode_picture(raw: bytes, limits: Limits, shrink: Shrink | None = None) -> Picture:
    """Decode the first frame: EXIF turned upright, ICC carried to sRGB, transparency laid over white.

    A JPEG is decoded at a half, a quarter or an eighth of its size where `shrink` says that this is enough.
    """
    name = format_of(raw)
    if name not in PICTURES:
        raise BadMedia(refusal(raw, "a picture"))
    with _quietly, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return _picture(raw, name, limits, shrink)
        except (BadMedia, MemoryError):
            raise
        except Image.DecompressionBombError:
            most = 2 * (Image.MAX_IMAGE_PIXELS or 0)
            raise BadMedia(f"more than {most:,} pixels, the limit is {min(most, limits.max_pixels):,}") from None
        except Exception as error:  # hostile bytes can make a decoder raise nearly anything
            raise BadMedia(_reason(name, error)) from None


def _picture(raw: bytes, name: str, limits: Limits, shrink: Shrink | None) -> Picture:
    with Image.open(io.BytesIO(raw), formats=(name,)) as picture:
        width, height = picture.size
        if width * height > limits.max_pixels:
            raise BadMedia(f"{width:,} x {height:,} pixels, the limit is {limits.max_pixels:,}")
        if width < 1 or height < 1:
            raise BadMedia(f"{width} x {height} pixels: there is nothing to see")
        by = _draft(picture, shrink) if shrink is not None and name == "JPEG" else 1
        plain = name == "JPEG" and picture.mode == "RGB" and _is_srgb(picture)
        quick = jpeg_pixels(raw, picture.size, by) if plain else None
        if quick is None:
            picture.load()
        tag = _orientation(picture)  # after load: Pillow turns TIFF itself, then forgets the tag
        shown = np.asarray(_over_white(picture), dtype=np.uint8) if quick is None else quick
    pixels = np.ascontiguousarray(_UPRIGHT[tag](shown) if tag in _UPRIGHT else shown)  # (height, width, 3)
    if by == 1:
        return Picture(pixels)
    # A drafted picture reaches beyond the file's last row and column, which turning may have made the first.
    whole = (width, height) if tag in _SIDEWAYS else (height, width)
    beyond = [side * by - full for side, full in zip(pixels.shape, whole, strict=False)]
    return Picture(pixels, by, whole, (beyond[0] * (tag in _FROM_BELOW), beyond[1] * (tag in _FROM_RIGHT)))


def _draft(picture: Image.Image, shrink: Shrink) -> int:
    """Tell the decoder to leave out what the tower cannot see; by how much each side is divided."""
    width, height = picture.size
    by = shrink(width, height) if _orientation(picture) in _SIDEWAYS else shrink(height, width)
    if by == 1 or picture.mode not in ("RGB", "L"):
        return 1
    picture.draft(picture.mode, (width // by, height // by))
    return by if picture.size != (width, height) else 1


def _orientation(picture: Image.Image) -> int:
    try:
        return int(picture.getexif().get(_ORIENTATION, 1))
    except Exception:  # damaged EXIF: shown as stored
        return 1


def _over_white(picture: Image.Image) -> Image.Image:
    if picture.mode == "RGB" and "transparency" not in picture.info:
        return _to_srgb(picture)
    if picture.mode in ("I", "F") or picture.mode.startswith("I;16"):
        return _eight_bits(picture).convert("RGB")
    if not (picture.mode in ("RGBA", "LA", "PA", "La", "RGBa") or "transparency" in picture.info):
        return _to_srgb(picture)
    layered = picture.convert("RGBA")
    colours = layered.convert("RGB")
    colours.info["icc_profile"] = picture.info.get("icc_profile")
    white = Image.new("RGB", picture.size, (255, 255, 255))
    white.paste(_to_srgb(colours), mask=layered.getchannel("A"))
    return white


def _to_srgb(picture: Image.Image) -> Image.Image:
    """Apply an embedded profile; one that is damaged or of another colour model is ignored, as browsers do."""
    profile = picture.info.get("icc_profile")
    if not profile or _is_srgb(picture):
        return picture if picture.mode == "RGB" else picture.convert("RGB")
    if picture.mode not in ("RGB", "L", "CMYK"):
        picture = picture.convert("RGB")
    with contextlib.suppress(ImageCms.PyCMSError, OSError, ValueError, TypeError):
        embedded = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        converted = ImageCms.profileToProfile(picture, embedded, ImageCms.createProfile("sRGB"), outputMode="RGB")
        if converted is not None:
            return converted
    return picture.convert("RGB")


def _is_srgb(picture: Image.Image) -> bool:
    profile = picture.info.get("icc_profile")
    return not profile or b"sRGB" in profile or "sRGB".encode("utf-16-be") in profile


def _eight_bits(picture: Image.Image) -> Image.Image:
    """16 bits keep their upper eight; 32-bit and floating greys are stretched from darkest to lightest."""
    values = np.asarray(picture)
    if picture.mode.startswith("I;16"):
        return Image.fromarray((values.astype(np.uint16) >> 8).astype(np.uint8))
    if not np.isfinite(values).all():
        raise BadMedia("some of its pixels are not numbers")
    low, high = float(values.min()), float(values.max())
    scaled = (values.astype(np.float64) - low) * (255.0 / (high - low) if high > low else 0.0)
    return Image.fromarray(scaled.round().astype(np.uint8))


def _reason(name: str, error: Exception) -> str:
    if isinstance(error, UnidentifiedImageError):  # its words name an object in memory
        return f"a damaged {name} picture: only its first bytes are those of one"
    said = " ".join(str(error).split())[:200]
    said = (
        next((ours for theirs, ours in _SAID.items() if theirs.lower() in said.lower()), said) or "its decoder gave up"
    )
    if "truncated" in said.lower() or isinstance(error, EOFError):
        return f"cut short: the {name} picture ends before its last pixel"
    return f"a damaged {name} picture ({said})"
