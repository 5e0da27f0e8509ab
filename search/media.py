"""A query's media as the bytes of a file, so that the one decoder reads them: what is indexed and asked is the same."""

from __future__ import annotations

import io
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from hearsee.core.errors import BadInput, BadMedia, NotFound
from hearsee.core.item import local_path
from hearsee.core.media.limits import Limits

if TYPE_CHECKING:
    from PIL.Image import Image

# What PNG keeps as it is; other colour models are carried to RGB first.
_PNG_MODES = {"1", "L", "LA", "P", "RGB", "RGBA", "I;16"}


def media_bytes(kind: str, value: Any, limits: Limits) -> tuple[bytes, str]:
    """The bytes behind an image or audio part, and what to call it in an error."""
    if isinstance(value, bytes | bytearray | memoryview):
        return bytes(value), f"the {kind} of the query"
    if isinstance(value, str | Path):
        return _read(kind, value, limits), f"{kind} {str(value)!r}"
    if kind == "audio" and isinstance(value, tuple) and len(value) == 2:
        return _as_wav(*value, limits), "the audio of the query"
    if kind == "image" and _is_pillow(value):
        return _as_png(value, limits), "the image of the query"
    known = "a PIL image" if kind == "image" else "(samples, rate)"
    raise BadInput(f"{kind} is a {type(value).__name__}: it must be a path, the bytes of a file, or {known}")


def content_of(kind: str, value: Any, limits: Limits) -> str | None:
    """The SHA-256 by which a library knows the same file; none for what has no file."""
    if not isinstance(value, bytes | bytearray | memoryview | str | Path):
        return None
    return sha256(media_bytes(kind, value, limits)[0]).hexdigest()


def _read(kind: str, place: str | Path, limits: Limits) -> bytes:
    from hearsee.indexer.corpus.files import read_file  # only a query with a file needs the corpus

    name = str(place)
    if name.startswith(("http://", "https://")):
        raise BadInput(f"{kind} {name!r} is on the web: download it and give its path")
    path = local_path(name) if name.startswith("file:") else Path(name)
    try:
        return read_file(path or Path(name), limits)
    except BadMedia as error:
        raise BadMedia(f"{kind} {name!r}: {error}") from None
    except FileNotFoundError:
        raise NotFound(f"{kind} {name!r}: there is no such file; check the path") from None
    except IsADirectoryError:
        raise BadMedia(f"{kind} {name!r}: a folder, not a file") from None
    except (OSError, ValueError) as error:  # ValueError: a zero character in the name
        reason = getattr(error, "strerror", None) or error
        raise BadInput(f"{kind} {name!r} cannot be read ({reason}); check the path") from None


def _is_pillow(value: Any) -> bool:
    """Whether it is a Pillow image, without importing Pillow for what is not."""
    return any(kind.__module__ == "PIL.Image" and kind.__name__ == "Image" for kind in type(value).__mro__)


def _as_png(picture: Image, limits: Limits) -> bytes:
    if picture.width * picture.height > limits.max_pixels:
        raise BadMedia(
            f"the image of the query has {picture.width:,} x {picture.height:,} pixels, "
            f"the limit is {limits.max_pixels:,}: give a smaller one"
        )
    shown = picture if picture.mode in _PNG_MODES else picture.convert("RGB")
    file = io.BytesIO()
    try:
        shown.save(file, "PNG", compress_level=1, exif=picture.getexif())  # with its orientation and colour profile
    except (OSError, ValueError, SystemError) as error:
        raise BadMedia(f"the image of the query cannot be read ({error})") from None
    return file.getvalue()


def _as_wav(samples: Any, rate: Any, limits: Limits) -> bytes:
    """Samples (frames,) or (frames, channels): floats in [-1, 1], or whole numbers scaled by their type's range."""
    import soundfile

    if isinstance(rate, bool) or not isinstance(rate, int | np.integer) or not 0 < rate < 2**31:
        raise BadInput(f"the rate of the audio is {rate!r}: it must be a whole number of frames a second")
    wave = np.asarray(samples)
    shaped = wave.ndim == 1 or (wave.ndim == 2 and wave.shape[1] <= 8)
    if not shaped or not wave.size or wave.dtype.kind not in "fiu":
        raise BadInput(
            f"the samples of the audio have shape {wave.shape} and type {wave.dtype}: "
            "they must be numbers of shape (frames,) or (frames, channels), with 8 channels at the most"
        )
    if len(wave) > limits.max_seconds * rate:
        raise BadMedia(
            f"the audio of the query has {len(wave) / rate:,.1f} seconds, the limit is {limits.max_seconds:,g}: cut it"
        )
    if wave.dtype.kind in "iu":
        span = np.iinfo(wave.dtype)
        wave = (wave.astype(np.float64) - (span.max + span.min + 1) / 2) / ((span.max - span.min + 1) / 2)
    if not np.isfinite(wave).all():
        raise BadInput("the samples of the audio hold a number that is not finite")
    file = io.BytesIO()
    soundfile.write(file, wave.astype(np.float32), int(rate), format="WAV", subtype="FLOAT")
    return file.getvalue()
