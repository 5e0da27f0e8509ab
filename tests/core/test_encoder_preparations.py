"""What towers are given: options in a preparation's name, resampling, windows, mel bands, against the libraries'."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from hearsee.core.encoders.prepare_sound import LOG_MEL, NAME, resample
from hearsee.core.errors import BadInput, BadMedia
from hearsee.core.media.kinds import Picture, Sound, Words
from hearsee.core.media.prepare import find_preparation
from tests import checkpoints

CLAP = '"rate": 48000, "window": 10.0, "hop": 10.0, "mels": 64, "fft": 1024, "stride": 480, "low": 0, "high": 14000'


def test_options_follow_the_name_of_a_preparation() -> None:
    prepare = find_preparation('hearsee.core.encoders.prepare_picture:picture?{"mode": "squash", "resize": [4, 6]}')
    (piece,) = prepare(Picture(checkpoints.pictures(1)[0]))
    assert piece.data.shape == (4, 6, 3)


@pytest.mark.parametrize("options", ["?", "?{", "?[1]", "?7"])
def test_options_that_are_no_json_object_are_refused(options: str) -> None:
    with pytest.raises(BadInput, match="cannot be imported"):
        find_preparation(f"hearsee.core.encoders.prepare_picture:picture{options}")


@pytest.mark.parametrize(
    ("old", "new"), [(44100, 48000), (44100, 16000), (48000, 16000), (8000, 48000), (22050, 16000), (11025, 48000)]
)
def test_resampling_is_torchaudios(old: int, new: int) -> None:
    torchaudio = pytest.importorskip("torchaudio")
    torch = pytest.importorskip("torch")
    (samples,) = checkpoints.sounds(1, old, 0.501)
    wanted = torchaudio.transforms.Resample(old, new)(torch.from_numpy(samples)).numpy()
    np.testing.assert_allclose(resample(samples, old, new), wanted, atol=1e-5)


@pytest.mark.parametrize(("old", "new"), [(44100, 48000), (48000, 16000), (8000, 48000)])
def test_a_part_is_resampled_as_in_the_whole(old: int, new: int) -> None:
    (samples,) = checkpoints.sounds(1, old, 1.003)
    whole = resample(samples, old, new)
    cuts = [0, 1, new // 3, new // 3 + 7, new, len(whole)]
    parts = [resample(samples, old, new, first, last) for first, last in pairwise(cuts)]
    np.testing.assert_allclose(np.concatenate(parts), whole, atol=1e-6)


def test_an_odd_rate_costs_no_giant_kernel() -> None:
    at = np.arange(44_101) / 44_101
    heard = resample(np.sin(2 * np.pi * 440 * at).astype(np.float32), 44_101, 48_000)
    assert len(heard) == 48_000
    wanted = np.sin(2 * np.pi * 440 * np.arange(48_000) / 48_000)
    np.testing.assert_allclose(heard[100:-100], wanted[100:-100], atol=2e-3)


def test_windows_cover_the_sound_and_the_last_is_repeated_then_silent() -> None:
    samples = (np.arange(1, 26) / 100).astype(np.float32).reshape(-1, 1)
    prepare = find_preparation(f'{NAME}?{{"rate": 1, "window": 10, "hop": 10}}')
    first, second, last = prepare(Sound(samples, 1))
    assert [first.span.end, second.span.start, last.span.start, last.span.end] == [10, 10, 20, 25]  # type: ignore[union-attr]
    np.testing.assert_array_equal(last.data, np.tile(samples[20:, 0], 2))
    (short,) = prepare(Sound(samples[:4], 1))
    np.testing.assert_array_equal(short.data, [*samples[:4, 0], *samples[:4, 0], 0, 0])


def test_overlapping_windows_stop_at_the_end() -> None:
    prepare = find_preparation(f'{NAME}?{{"rate": 100, "window": 2, "hop": 1}}')
    spans = [piece.span for piece in prepare(Sound(np.ones((400, 1), np.float32), 100))]
    assert [(s.start, s.end) for s in spans if s] == [(0, 2), (1, 3), (2, 4)]


def test_windows_that_never_end_are_refused() -> None:
    for window, hop in ((1, 0), (0, 0), (1, 2)):
        prepare = find_preparation(f'{NAME}?{{"rate": 100, "window": {window}, "hop": {hop}}}')
        with pytest.raises(BadInput, match="the hop must be above zero"):
            prepare(Sound(np.ones((300, 1), np.float32), 100))


def test_a_rest_of_a_hair_is_no_window() -> None:
    """An MP3 of ten seconds is often ten and a hundredth."""
    prepare = find_preparation(f'{NAME}?{{"rate": 100, "window": 10, "hop": 10}}')
    assert len(prepare(Sound(np.ones((1001, 1), np.float32), 100))) == 1
    assert len(prepare(Sound(np.ones((1060, 1), np.float32), 100))) == 2
    assert len(prepare(Sound(np.ones((1, 1), np.float32), 100))) == 1


def test_two_ears_are_averaged() -> None:
    left, right = np.full(100, 0.5, np.float32), np.full(100, 0.1, np.float32)
    prepare = find_preparation(f'{NAME}?{{"rate": 100, "window": 1, "hop": 1}}')
    (piece,) = prepare(Sound(np.stack([left, right], axis=1), 100))
    np.testing.assert_allclose(piece.data, 0.3, atol=1e-6)


@pytest.mark.parametrize(("truncation", "scale"), [("rand_trunc", "slaney"), ("fusion", "htk")])
@pytest.mark.parametrize("seconds", [10.0, 3.3, 0.1])
def test_mel_bands_are_claps_own(truncation: str, scale: str, seconds: float) -> None:
    transformers = pytest.importorskip("transformers")
    extractor = transformers.ClapFeatureExtractor(truncation=truncation)
    (samples,) = checkpoints.sounds(1, 48_000, seconds)
    wanted = np.asarray(extractor(samples, sampling_rate=48_000)["input_features"][0][0])
    (piece,) = find_preparation(f'{LOG_MEL}?{{{CLAP}, "scale": "{scale}"}}')(Sound(samples[:, None], 48_000))
    assert piece.data.shape == wanted.shape == (1001, 64)
    np.testing.assert_allclose(piece.data, wanted, atol=1e-2)  # decibels, of -100 to 60
    assert np.abs(piece.data - wanted).mean() < 1e-4


def test_media_of_another_kind_are_refused() -> None:
    with pytest.raises(BadMedia, match="was given Words"):
        find_preparation(f'{NAME}?{{"rate": 1, "window": 10, "hop": 10}}')(Words("rain"))
