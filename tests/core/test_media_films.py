"""Films: frames at a stated rate, upright, the sound track, and reasons for what cannot be played."""

from __future__ import annotations

import contextlib
import sys

import numpy as np
import pytest

from hearsee.core.errors import BadMedia
from hearsee.core.media import Limits
from hearsee.core.media.blocks import Blocks
from hearsee.core.media.films import Film
from hearsee.core.media.magic import format_of, is_film, looks_like, modality_of
from hearsee.core.media.pictures import decode_picture
from hearsee.core.media.prepare import prepare
from hearsee.core.modality import Modality
from tests.films import COLOURS, film, turned

KINDS = {"mp4": "MP4", "webm": "WEBM", "matroska": "MKV"}
SEE, HEAR = "hearsee.toybox.towers.prepare:picture", "hearsee.toybox.towers.prepare:sound"


def colour_of(pixels: np.ndarray) -> np.ndarray:
    return np.asarray(pixels[:, -pixels.shape[1] // 4 :].reshape(-1, 3).mean(axis=0))


@pytest.mark.parametrize("kind", KINDS)
def test_a_frame_in_every_two_seconds_and_the_whole_track(kind: str) -> None:
    raw = film(kind)
    assert (format_of(raw), is_film(raw), modality_of(raw)) == (KINDS[kind], True, Modality.IMAGE)
    played = Film(raw, Limits())
    frames = list(played.frames())
    assert [(span.start, span.end, span.unit) for _, span in frames] == [(n, n + 2, "seconds") for n in (0, 2, 4, 6)]
    for (picture, _), colour in zip(frames, COLOURS, strict=True):
        assert picture.pixels.shape == (64, 96, 3)
        assert np.abs(colour_of(picture.pixels) - colour).max() < 40
    sound = played.sound()
    assert sound is not None
    assert len(sound.samples) / sound.rate == pytest.approx(8.0, abs=0.2)
    half = len(sound.samples) // 2
    early, late = sound.samples[: half - half // 8, 0], sound.samples[half + half // 8 :, 0]
    assert np.abs(early).max() < 0.05 < np.abs(late).max()
    heard = np.abs(np.fft.rfft(late)).argmax() * sound.rate / len(late)
    assert heard == pytest.approx(440, abs=3)


def test_the_rate_is_a_limit_that_can_be_set() -> None:
    frames = list(Film(film(sound=False), Limits(film_seconds=0.5)).frames())
    assert [span.start for _, span in frames] == [0.5 * n for n in range(16)]


@pytest.mark.parametrize("kind", KINDS)
def test_a_film_without_sound_is_only_seen(kind: str) -> None:
    raw = film(kind, sound=False)
    assert Film(raw, Limits()).sound() is None
    pieces = prepare(SEE, Modality.IMAGE, raw, Limits(), HEAR)
    assert [piece.modality for piece in pieces] == [None] * 4


@pytest.mark.parametrize("kind", KINDS)
def test_a_long_track_read_in_blocks_gives_the_windows_of_the_whole(kind: str) -> None:
    raw, long = film(kind, hertz=300), Limits(long_samples=0, block_frames=3_000)
    track = Film(raw, long).sound(blocks=True)
    assert track is not None
    assert isinstance(track.samples, Blocks)
    whole, parts = (prepare(SEE, Modality.IMAGE, raw, limits, HEAR) for limits in (Limits(), long))
    assert [piece.span for piece in parts] == [piece.span for piece in whole]
    assert all(np.array_equal(mine.data, theirs.data) for mine, theirs in zip(parts, whole, strict=True))


def test_pictures_come_first_and_sounds_follow() -> None:
    pieces = prepare(SEE, Modality.IMAGE, film(), Limits(), HEAR)
    assert [piece.modality for piece in pieces[:4]] == [None] * 4
    assert {piece.modality for piece in pieces[4:]} == {Modality.AUDIO}
    spans = [piece.span for piece in pieces[4:]]
    assert [span and span.start for span in spans] == [float(n) for n in range(len(spans))]
    assert {piece.modality for piece in prepare(SEE, Modality.IMAGE, film(), Limits())} == {None}


def test_a_film_of_a_telephone_is_turned_upright() -> None:
    ((picture, _),) = Film(turned(film(colours=COLOURS[:1], sound=False)), Limits()).frames()
    assert picture.pixels.shape == (96, 64, 3)
    assert picture.pixels[:40].mean() < 30  # what was on the left is on top after a quarter turn clockwise
    assert np.abs(picture.pixels[60:].reshape(-1, 3).mean(axis=0) - COLOURS[0]).max() < 40


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("share", [0.6, 0.3, 0.02])
def test_a_film_cut_short_is_refused(kind: str, share: float) -> None:
    raw = film(kind)
    with pytest.raises(BadMedia, match=r"cut short|not a film"):
        prepare(SEE, Modality.IMAGE, raw[: int(len(raw) * share)], Limits(), HEAR)


def test_limits_are_kept_before_a_frame_is_decoded() -> None:
    raw = film()
    with pytest.raises(BadMedia, match=r"a film of 8 s, the limit is 5 s"):
        Film(raw, Limits(max_seconds=5))
    with pytest.raises(BadMedia, match=r"a film of 96 x 64 pixels, the limit is 1,000"):
        Film(raw, Limits(max_pixels=1_000))


def test_flipped_bytes_never_escape_as_another_error() -> None:
    random = np.random.default_rng(2)
    for kind in KINDS:
        whole = np.frombuffer(film(kind, seconds_each=0.5), np.uint8)
        for _ in range(25):
            bad = whole.copy()
            bad[random.integers(0, len(bad), 6)] = random.integers(0, 256, 6)
            with contextlib.suppress(BadMedia):
                assert prepare(SEE, Modality.IMAGE, bad.tobytes(), Limits(), HEAR)


def test_without_the_extra_its_name_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    raw = film(sound=False)
    monkeypatch.setitem(sys.modules, "av", None)
    with pytest.raises(BadMedia, match=r"needs the extra `video`: pip install 'hearsee\[video\]'"):
        prepare(SEE, Modality.IMAGE, raw, Limits())


def test_stills_and_sounds_in_the_same_box_are_no_films() -> None:
    for brand, said in ((b"heic", "a HEIC picture"), (b"avif", "an AVIF picture"), (b"M4A ", "an M4A sound")):
        raw = b"\0\0\0\x20ftyp" + brand + bytes(40)
        assert not is_film(raw)
        assert said in looks_like(raw)
    with pytest.raises(BadMedia, match="not a picture: it starts like a file of type MP4"):
        decode_picture(film(sound=False), Limits())
