"""The last block of an open_clip tower, computed where the vector is read, against all of it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from hearsee.core.encoders.device import Run
from tests import checkpoints

open_clip = pytest.importorskip("open_clip")


@pytest.mark.parametrize("layers", [1, 3])
def test_the_vectors_are_those_of_the_whole_block(tmp_path: Path, layers: int) -> None:
    import torch

    from hearsee.core.encoders.openclip import Model, find_source
    from hearsee.core.encoders.openclip_last import is_plain, is_plain_picture_tower

    source = find_source(str(checkpoints.open_clip_folder(tmp_path / "clip", layers=layers)), None)
    run = Run(device="cpu")
    short, whole = Model(source, run), Model(source, run, whole=True)
    assert is_plain(short.text.transformer)
    assert is_plain_picture_tower(short.model.visual)
    counted: list[int] = []
    short.model.visual.transformer.resblocks[-1].mlp.register_forward_hook(
        lambda module, given, found: counted.append(found.numel() // found.shape[-1])  # noqa: ARG005
    )
    pixels = torch.randn(5, 3, 64, 64)
    tokens = short.tokens(["a dog", "two bells ring in the rain", "猫が屋根の上で眠っている"])
    cut = tokens[:, : int(short.lengths(tokens).max())]
    with torch.inference_mode():
        np.testing.assert_allclose(short.see(pixels), whole.model.encode_image(pixels), atol=1e-5)
        np.testing.assert_allclose(short.read(cut), whole.model.encode_text(tokens), atol=1e-5)
        np.testing.assert_allclose(whole.read(cut), whole.model.encode_text(tokens), atol=1e-5)
    assert counted == [5]  # one place of each picture, not seventeen


def test_other_towers_go_the_whole_way() -> None:
    from open_clip.transformer import VisionTransformer

    from hearsee.core.encoders.openclip_last import is_plain, is_plain_picture_tower

    shape = {"image_size": 32, "patch_size": 16, "width": 32, "layers": 1, "heads": 2, "mlp_ratio": 2.0}
    assert is_plain_picture_tower(VisionTransformer(**shape))
    assert not is_plain_picture_tower(VisionTransformer(**shape, pool_type="avg"))
    assert not is_plain_picture_tower(VisionTransformer(**shape, attentional_pool=True, attn_pooler_heads=2))
    assert not is_plain_picture_tower(open_clip.create_model("RN50", load_weights=False).visual)
    assert not is_plain(VisionTransformer(**shape, block_type="custom").transformer)
