"""Heads worked by hand, against torch, and through their file."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.numpy import save_file

from hearsee.core.errors import Damaged
from hearsee.core.head import Head, Heads, gelu, packed_heads, read_heads
from hearsee.core.modality import Modality
from hearsee.core.space import hash_space

RNG = np.random.default_rng(0)
IMAGE, TEXT, AUDIO = Modality.IMAGE, Modality.TEXT, Modality.AUDIO


def numbers(*shape: int) -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
    return RNG.standard_normal(shape, np.float32)


def residual(backbone: int = 3, width: int = 5, shared: int = 2) -> Head:
    more = {"centre": numbers(backbone), "bias": numbers(shared), "inner": numbers(backbone, width)}
    return Head(numbers(backbone, shared), {**more, "inner_bias": numbers(width), "outer": numbers(width, shared)})


def test_a_linear_head_by_hand() -> None:
    head = Head(
        np.eye(2, dtype=np.float32), {"centre": np.array([0.5, 0], np.float32), "bias": np.array([0, 1], np.float32)}
    )
    assert head.kind == "linear"
    rows = head.apply(np.array([[3, 4]], np.float32))  # (0.6, 0.8), less, then more
    np.testing.assert_allclose(rows, np.array([[0.1, 1.8]]), atol=1e-6)


def test_a_residual_head_is_what_torch_computes() -> None:
    head, rows = residual(), numbers(7, 3)
    assert head.kind == "mlp"
    given = {name: torch.from_numpy(array) for name, array in head.more.items()}
    x = torch.nn.functional.normalize(torch.from_numpy(rows), dim=1) - given["centre"]
    curved = torch.nn.functional.gelu(x @ given["inner"] + given["inner_bias"], approximate="tanh")
    assert head.matrix is not None
    expected = x @ torch.from_numpy(head.matrix) + given["bias"] + curved @ given["outer"]
    np.testing.assert_allclose(head.apply(rows), expected.numpy(), atol=1e-5)
    np.testing.assert_allclose(
        gelu(rows), torch.nn.functional.gelu(torch.from_numpy(rows), approximate="tanh"), atol=1e-6
    )


def test_every_weight_counts_in_the_fingerprint() -> None:
    head = residual()
    assert head.matrix is not None
    bare, told = Head(head.matrix), {head.fingerprint}
    for name, array in head.more.items():
        told.add(Head(head.matrix, {**head.more, name: array + 1}).fingerprint)
    assert len(told | {bare.fingerprint, Head().fingerprint}) == 1 + 5 + 2
    spaces = {hash_space().with_heads({TEXT: one}).fingerprint for one in (Head(), bare, head)}
    assert len(spaces) == 3


def test_heads_come_back_from_their_file(tmp_path: Path) -> None:
    heads = Heads({IMAGE: residual(), TEXT: Head(), AUDIO: Head(numbers(4, 2))}, 2, {IMAGE: "abc"}, {"seed": 3})
    path = tmp_path / "heads.safetensors"
    path.write_bytes(packed_heads(heads))
    read = read_heads(path)
    assert (read.dim, read.towers, read.about) == (2, {IMAGE: "abc"}, {"seed": 3})
    prints = {modality: head.fingerprint for modality, head in heads.by_modality.items()}
    assert {modality: head.fingerprint for modality, head in read.by_modality.items()} == prints
    assert {modality: head.kind for modality, head in read.by_modality.items()} == {
        IMAGE: "mlp", TEXT: "identity", AUDIO: "linear",
    }  # fmt: skip


def test_a_bare_file_holds_a_matrix_for_each_modality(tmp_path: Path) -> None:
    path, matrix = tmp_path / "heads.safetensors", numbers(4, 2)
    save_file({"audio": matrix}, path)
    read = read_heads(path)
    assert read.dim == 2
    assert read.by_modality[AUDIO].fingerprint == Head(matrix).fingerprint


@pytest.mark.parametrize("content", [b"", b"\x80\x04nothing", b"\0" * 100])
def test_what_holds_no_heads_is_said_in_one_line(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "heads.safetensors"
    path.write_bytes(content)
    with pytest.raises(Damaged, match="holds no heads") as caught:
        read_heads(path)
    assert "\n" not in str(caught.value)


def test_what_does_not_fit_says_why() -> None:
    head = residual(3, 5, 2)
    assert head.problem(3, 2) is None
    assert head.problem(4, 2) == "its matrix is (3, 2), not (4, 2)"
    assert Head().problem(4, 2) == "it keeps 4 numbers where the space has 2"
    assert head.matrix is not None
    assert Head(head.matrix, {"centre": numbers(3)}).problem(3, 2) == "it holds centre beside its matrix"
    endless = Head(head.matrix, {**head.more, "bias": np.array([np.inf, 0], np.float32)})
    assert endless.problem(3, 2) == "its bias is not all finite"
