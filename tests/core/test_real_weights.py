"""Canonical vectors of real weights, by every preset: run where HEARSEE_MODELS or the hub's cache has them.

`HEARSEE_MODELS=FOLDER python -m pytest -m weights`. Each preset whose weights are there is held against the path that
its own library documents, on the canonical inputs: to 1e-4 as that library prepares them, and to a cosine of 0.999 as
the preset does, which may cut and scale pictures at once.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from hearsee.core.canonical import TEXTS, canonical_inputs
from hearsee.core.encoders import Encoder
from hearsee.core.encoders.table import make_tower
from hearsee.core.errors import NotFound
from hearsee.core.golden import Golden, golden_of
from hearsee.core.media.decode import decode
from hearsee.core.media.kinds import Picture, Piece, Sound
from hearsee.core.media.limits import Limits
from hearsee.core.media.prepare import prepare
from hearsee.core.modality import Modality
from hearsee.core.models import find_model
from hearsee.core.presets import preset_names, read_preset
from hearsee.core.vectors import Vectors, unit

TOWERS = [(name, modality) for name in preset_names() for modality in sorted(read_preset(name).towers)]
RATE = 48_000

pytestmark = pytest.mark.weights


@pytest.fixture(autouse=True)
def offline(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is not here is not fetched."""
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")


def made(name: str, modality: Modality, **changed: Any) -> tuple[Encoder, dict[str, Any]]:
    tower, options = read_preset(name).towers[modality]
    given = {key: value for key, value in {**options, **changed}.items() if value is not None}
    try:
        return make_tower(tower, modality, given), {"tower": tower, **given}
    except NotFound as missing:
        pytest.skip(str(missing))


def pieces(tower: Encoder, modality: Modality) -> list[Piece]:
    """The first of each canonical input."""
    return [prepare(tower.preparation, modality, raw, Limits())[0] for raw in canonical_inputs(modality)]


@pytest.mark.parametrize(("name", "modality"), TOWERS)
def test_canonical_vectors_are_the_same_alone_in_a_batch_and_as_kept(name: str, modality: Modality) -> None:
    tower, _ = made(name, modality)
    both = pieces(tower, modality)
    together = tower.encode(both)
    assert together.shape == (len(canonical_inputs(modality)), tower.dim)
    alone = np.concatenate([tower.encode([piece]) for piece in both])
    np.testing.assert_allclose(together, alone, atol=1e-4)
    kept = Golden.parse(golden_of(tower, modality).text)
    assert kept is not None
    assert kept.drift(golden_of(tower, modality)) is None


@pytest.mark.parametrize(("name", "modality"), TOWERS)
def test_canonical_vectors_are_those_of_the_librarys_own_path(name: str, modality: Modality) -> None:
    tower, options = made(name, modality)
    known = {"open_clip": open_clip_rows, "clap": clap_rows, "transformers": transformers_rows}
    reference = known[options["tower"]](modality, options)
    if reference is None:
        pytest.skip(f"no other path for {modality} through {options['tower']} is written down here")
    found = tower.encode(pieces(tower, modality))
    assert (found[-1] * reference[-1]).sum() >= 0.999  # fine waves, the others, are not what pictures are made of
    if options.get("fused"):
        tower, _ = made(name, modality, fused=None)
        found = tower.encode(pieces(tower, modality))
    if modality is Modality.IMAGE and options["tower"] == "transformers":  # its processors round once more: one level
        assert ((found * reference).sum(axis=1) >= 0.99).all()
        found, reference = found[-1:], reference[-1:]
    np.testing.assert_allclose(found, reference, atol=1e-4)


def pictures() -> list[np.ndarray[Any, np.dtype[np.uint8]]]:
    media = [decode(Modality.IMAGE, raw, Limits()) for raw in canonical_inputs(Modality.IMAGE)]
    return [one.pixels for one in media if isinstance(one, Picture)]


def open_clip_rows(modality: Modality, options: dict[str, Any]) -> Vectors:
    """As open_clip's own documentation shows."""
    import open_clip
    import torch
    from PIL import Image

    from hearsee.core.encoders.openclip import find_source

    source = find_source(options["model"], options.get("pretrained"))
    given = {} if source.model.startswith("local-dir:") else {"pretrained": str(source.weights)}
    model, _, preprocess = open_clip.create_model_and_transforms(source.model, **given)
    model.eval()
    with torch.no_grad():
        if modality is Modality.IMAGE:
            rows = [model.encode_image(preprocess(Image.fromarray(one)).unsqueeze(0))[0] for one in pictures()]
        else:
            rows = list(model.encode_text(open_clip.get_tokenizer(source.model)(list(TEXTS))))
    return unit(np.stack([row.numpy() for row in rows]))


def clap_rows(modality: Modality, options: dict[str, Any]) -> Vectors:
    """As the documentation of transformers shows, one at a time."""
    import torch
    import transformers
    from torchaudio.functional import resample

    folder = find_model(options["model"], fetch=False)
    model = transformers.ClapModel.from_pretrained(folder).eval()
    rows: Sequence[Any]
    with torch.inference_mode():
        if modality is Modality.TEXT:
            read = transformers.AutoTokenizer.from_pretrained(folder)
            rows = [model.get_text_features(**read(one, return_tensors="pt")).pooler_output[0] for one in TEXTS]
        else:
            extractor = transformers.AutoFeatureExtractor.from_pretrained(folder)
            media = [decode(modality, raw, Limits()) for raw in canonical_inputs(modality)]
            mono = [(torch.from_numpy(one.samples.mean(axis=1)), one.rate) for one in media if isinstance(one, Sound)]
            heard = [resample(samples, rate, RATE).numpy() for samples, rate in mono]
            inputs = [extractor(one, sampling_rate=RATE, return_tensors="pt") for one in heard]
            for one in inputs:
                one["is_longer"] = torch.tensor([[False]])
            rows = [model.get_audio_features(**one).pooler_output[0] for one in inputs]
    return unit(np.stack([row.numpy() for row in rows]))


def transformers_rows(modality: Modality, options: dict[str, Any]) -> Vectors | None:
    """Texts as the mean over their tokens, pictures as the mean over a map; other rules have no documented path."""
    import torch
    import transformers
    from PIL import Image

    folder = find_model(options["model"], fetch=False)
    if modality is Modality.AUDIO or "pool" in options:
        return None
    model = transformers.AutoModel.from_pretrained(folder).eval()
    with torch.inference_mode():
        if modality is Modality.TEXT:
            read = transformers.AutoTokenizer.from_pretrained(folder)
            rows = [model(**read(one, return_tensors="pt")).last_hidden_state[0].mean(dim=0) for one in TEXTS]
        else:
            processor = transformers.AutoImageProcessor.from_pretrained(folder, backend="pil")
            seen = [processor(Image.fromarray(one), return_tensors="pt") for one in pictures()]
            maps = [model(**one).last_hidden_state[0] for one in seen]
            if maps[0].ndim != 3:
                return None
            rows = [one.mean(dim=(1, 2)) for one in maps]
    return unit(np.stack([row.numpy() for row in rows]))
