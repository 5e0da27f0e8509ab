"""A contract says which of its fields differ, in words a person can act on."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from hearsee.core.contract import Contract

RULE = {"crop": [224, 224], "filter": "bicubic", "by": "open_clip 3"}
ONE = Contract("open_clip-image ViT-B-32", "a" * 64, json.dumps(RULE), "the whole picture", "media-1", "float16")


@pytest.mark.parametrize(
    ("other", "said"),
    [
        (replace(ONE, preprocessing=json.dumps({**RULE, "filter": "bilinear"})),
         "preprocessing: filter bicubic -> bilinear"),
        (replace(ONE, weights="b" * 64), "weights: aaaaaaaaaaaa -> bbbbbbbbbbbb"),
        (replace(ONE, windows="10 s, hop 5 s"), "windows: the whole picture -> 10 s, hop 5 s"),
        (replace(ONE, decoder="media-2", dtype="float32"), "decoder: media-1 -> media-2; dtype: float16 -> float32"),
        (replace(ONE, preprocessing=json.dumps({**RULE, "by": "open_clip 4", "fill": 0})),
         "preprocessing: by open_clip 3 -> open_clip 4; preprocessing: fill none -> 0"),
        (replace(ONE, preprocessing="squashed, v1"), f"preprocessing: {json.dumps(RULE)} -> squashed, v1"),
    ],
)  # fmt: skip
def test_the_field_that_differs_is_named_with_both_values(other: Contract, said: str) -> None:
    assert ONE.difference(other) == said
    assert ONE.fingerprint != other.fingerprint


def test_equal_contracts_differ_in_nothing() -> None:
    assert ONE.difference(replace(ONE)) == ""
    assert replace(ONE).fingerprint == ONE.fingerprint
