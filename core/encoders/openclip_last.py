"""The last block of an open_clip transformer, computed only where the vector is read: the rest would be dropped."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import torch


def is_plain(transformer: Any) -> bool:
    """Whether the last block is one whose parts are known here."""
    from open_clip.transformer import ResidualAttentionBlock, Transformer

    if type(transformer) is not Transformer or not transformer.batch_first or not len(transformer.resblocks):
        return False
    block = transformer.resblocks[-1]
    return type(block) is ResidualAttentionBlock and not hasattr(block, "ln_1_kv")


def is_plain_picture_tower(visual: Any) -> bool:
    """Whether a picture's vector is read at the class token of a plain transformer."""
    from open_clip.transformer import VisionTransformer

    plain = type(visual) is VisionTransformer and visual.attn_pool is None and visual.pool_type == "tok"
    return plain and is_plain(visual.transformer)


def seen(visual: Any, pixels: torch.Tensor) -> torch.Tensor:
    """What `visual(pixels)` gives, (pictures, 3, height, width) -> (pictures, dim)."""
    import torch

    x = visual._embeds(pixels)
    first = torch.zeros(x.shape[0], dtype=torch.long, device=x.device)
    x = visual.ln_post(run(visual.transformer, x, first))
    found: torch.Tensor = x if visual.proj is None else x @ visual.proj
    return found


def run(transformer: Any, x: torch.Tensor, places: torch.Tensor, mask: torch.Tensor | None = None) -> torch.Tensor:
    """What the transformer gives at one place of each row, (rows, length, width) -> (rows, width).

    Where there is a mask, it is the causal one: a place sees itself and what is before it.
    """
    import torch

    *blocks, last = transformer.resblocks
    for block in blocks:
        x = block(x, attn_mask=mask)
    rows = torch.arange(x.shape[0], device=x.device)
    normal = last.ln_1(x)
    hidden = None if mask is None else torch.arange(x.shape[1], device=x.device) > places[:, None]
    heard = last.attn(normal[rows, places][:, None], normal, normal, need_weights=False, key_padding_mask=hidden)[0]
    x = x[rows, places] + last.ls_1(heard[:, 0])
    found: torch.Tensor = x + last.ls_2(last.mlp(last.ln_2(x)))
    return found
