"""What media become before a tower reads them: sizes, windows, passages and their spans."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from hearsee.core.media.kinds import Picture, Sound, Span, Words
from hearsee.toybox.towers import prepare


def tone(seconds: float, rate: int, channels: int = 2, hertz: float = 440.0) -> NDArray[np.float32]:
    wave = 0.5 * np.sin(2 * np.pi * hertz * np.arange(round(seconds * rate)) / rate)
    return np.repeat(wave[:, None], channels, axis=1).astype(np.float32)


@pytest.mark.parametrize(("height", "width"), [(96, 96), (1, 1), (300, 40), (33, 1000)])
def test_pictures_of_any_size_become_one_piece(height: int, width: int) -> None:
    pixels = np.full((height, width, 3), (10, 200, 30), np.uint8)
    (piece,) = prepare.picture(Picture(pixels))
    assert piece.span is None
    np.testing.assert_array_equal(piece.data, np.full((96, 96, 3), (10, 200, 30), np.uint8))


@pytest.mark.parametrize(
    ("seconds", "spans"),
    [
        (0.1, [(0, 0.1)]),
        (2.0, [(0, 2)]),
        (2.5, [(0, 2), (1, 2.5)]),
        (3.0, [(0, 2), (1, 3)]),
        (4.25, [(0, 2), (1, 3), (2, 4), (3, 4.25)]),
    ],
)
@pytest.mark.parametrize("rate", [16_000, 44_100, 8_000])
def test_long_sounds_are_cut_in_windows(seconds: float, spans: list[tuple[float, float]], rate: int) -> None:
    pieces = prepare.sound(Sound(tone(seconds, rate), rate))
    found = [piece.span for piece in pieces]
    assert [(span.start, span.end) for span in found if span] == [pytest.approx(span, abs=1e-3) for span in spans]
    assert {piece.data.shape for piece in pieces} == {(2, prepare.MELS, prepare.STEPS)}
    assert {piece.data.dtype for piece in pieces} == {np.dtype(np.float16)}


@pytest.mark.parametrize("rate", [8_000, 11_025, 22_050, 44_100, 48_000, 96_000])
def test_another_rate_is_heard_the_same(rate: int) -> None:
    # A tone in the second of two windows, away from the cuts.
    plain = prepare.sound(Sound(tone(3.0, 16_000), 16_000))[1].data[:, :, 5:-5].astype(np.float32)
    other = prepare.sound(Sound(tone(3.0, rate), rate))[1].data[:, :, 5:-5].astype(np.float32)
    loud = plain[0] > 0
    np.testing.assert_allclose(other[0][loud], plain[0][loud], atol=0.05)
    assert loud.any(axis=1).sum() >= 2


def test_sides_are_heard_and_mono_has_none() -> None:
    both = tone(1.0, 16_000)
    lean = both * np.array([1.0, 0.25], np.float32)
    left = prepare.sound(Sound(lean, 16_000))[0].data[1].astype(np.float32)
    assert left.max() == pytest.approx(2 * np.log(4), abs=0.05)  # four times the amplitude, as ln of power
    for channels in (1, 2, 6):
        mono = prepare.sound(Sound(tone(1.0, 16_000, channels), 16_000))[0].data
        np.testing.assert_array_equal(mono[1], 0)
        np.testing.assert_allclose(mono[0], prepare.sound(Sound(both, 16_000))[0].data[0], atol=0.01)


def test_silence_and_the_shortest_sound_are_finite() -> None:
    for samples in (np.zeros((16_000, 2), np.float32), np.zeros((1, 1), np.float32), np.zeros((0, 2), np.float32)):
        for rate in (16_000, 44_100):
            (piece,) = prepare.sound(Sound(samples, rate))
            assert np.isfinite(piece.data).all()


def test_a_short_text_is_one_piece_and_a_long_one_passages() -> None:
    (short,) = prepare.words(Words("two bells far away"))
    assert short.span is None
    assert short.data.shape == (4, prepare.FEATURES)
    text = " ".join(f"word{i}," for i in range(50))  # a hundred words and signs
    pieces = prepare.words(Words(text))
    assert [len(piece.data) for piece in pieces] == [32, 32, 32, 4]
    spans = [piece.span for piece in pieces if piece.span]
    assert spans[0] == Span(0, text.index(" word16"), "characters")
    assert spans[-1].end == len(text)
    again = prepare.words(Words(text[int(spans[1].start) : int(spans[1].end)]))
    np.testing.assert_array_equal(again[0].data, pieces[1].data)


def test_words_are_read_whatever_their_case_and_form() -> None:
    plain, odd = prepare.words(Words("grüne Glocke")), prepare.words(Words("GRU\u0308NE  glocke"))
    assert len(plain) == len(odd) == 1
    np.testing.assert_array_equal(plain[0].data, odd[0].data)
    assert prepare.words(Words("   "))[0].data.shape == (0, prepare.FEATURES)


def test_a_misspelt_word_shares_parts_with_the_right_one() -> None:
    right = set(prepare.words(Words("helicopter"))[0].data[0].tolist())
    wrong = set(prepare.words(Words("helicoptr"))[0].data[0].tolist())
    other = set(prepare.words(Words("bell"))[0].data[0].tolist())
    assert len(right & wrong - {0}) >= 6
    assert not right & other - {0}
