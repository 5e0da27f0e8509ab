"""Mixing, noise, dropping and mining keep together what belongs together."""

from __future__ import annotations

from itertools import pairwise

import pytest
import torch

from hearsee.indexer.align.mixing import fuse_mix, kept, noised
from hearsee.indexer.align.negatives import hard_batches, nearest_wrong, wrong_groups


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def test_fuse_mix_mixes_every_modality_by_the_same_share() -> None:
    """Each row is a one-hot of its group, so a mixed row tells who was mixed and by how much."""
    groups = {"image": torch.tensor([4, 1, 9, 6]), "audio": torch.tensor([9, 4, 6, 1])}
    eye = torch.eye(10)
    mixed = fuse_mix({name: eye[numbers] for name, numbers in groups.items()}, groups, 1.0, generator())
    by_group = {name: dict(zip(groups[name].tolist(), mixed[name], strict=True)) for name in groups}
    for group in (1, 4, 6, 9):
        torch.testing.assert_close(by_group["image"][group], by_group["audio"][group])
        shares = by_group["image"][group]
        assert shares.sum().item() == pytest.approx(1.0)
        assert int((shares > 0).sum()) == 2
        assert shares[group] > 0


def test_fuse_mix_never_takes_a_partner_with_other_modalities() -> None:
    groups = {"image": torch.tensor([0, 1, 2]), "text": torch.tensor([0, 0, 1, 1, 3, 4])}
    eye = torch.eye(5)
    for seed in range(20):
        mixed = fuse_mix({name: eye[numbers] for name, numbers in groups.items()}, groups, 0.5, generator(seed))
        torch.testing.assert_close(mixed["image"][2], eye[2])  # alone with its modalities
        assert all(row[2:].sum() == 0 for row in mixed["image"][:2])
        assert all(row[:3].sum() == 0 for row in mixed["text"][4:])
        torch.testing.assert_close(mixed["text"][0], mixed["image"][0])
        torch.testing.assert_close(mixed["text"][0], mixed["text"][1])


def test_noise_is_as_long_as_asked() -> None:
    rows = {"text": torch.randn(200, 512, generator=generator()) * 7}
    added = noised(rows, 0.3, generator(1))["text"] - rows["text"]
    assert (added.norm(dim=1) / rows["text"].norm(dim=1)).mean().item() == pytest.approx(0.3, rel=0.02)
    torch.testing.assert_close(noised(rows, 0.3, generator(1))["text"], rows["text"] + added)


def test_dropout_leaves_two_modalities() -> None:
    whole = torch.arange(400)
    groups = {"image": whole, "text": whole.repeat(2), "audio": whole[:200]}
    keep = kept(groups, 0.5, generator())
    left = {name: set(groups[name][keep[name]].tolist()) for name in groups}
    lost = [sum(group not in left[name] for name in groups) for group in range(200)]
    assert set(lost) == {0, 1}
    assert 60 < sum(lost) < 140
    assert all(group in left["image"] and group in left["text"] for group in range(200, 400))
    text = keep["text"].reshape(2, 400)
    assert bool((text[0] == text[1]).all())  # both captions of a group go together


def test_nearest_wrong_is_what_sorting_says(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hearsee.indexer.align.negatives.BLOCK", 7)
    rows, others = torch.randn(20, 6, generator=generator(1)), torch.randn(33, 6, generator=generator(2))
    groups, theirs = torch.arange(20) % 5, torch.arange(33) % 5
    cosines = torch.nn.functional.normalize(rows) @ torch.nn.functional.normalize(others).T
    cosines[groups[:, None] == theirs[None]] = -9
    torch.testing.assert_close(
        nearest_wrong(rows, groups, others, theirs, 4), cosines.argsort(1, descending=True)[:, :4]
    )
    lonely = nearest_wrong(rows, torch.zeros(20), others[:2], torch.tensor([0, 1]), 3)
    assert lonely.tolist() == [[1, -1, -1]] * 20


def test_hard_batches_put_neighbours_together_and_each_group_once() -> None:
    """Groups on a line: the nearest wrong ones of a group are beside it."""
    known = torch.arange(40)
    angle = known * 0.03
    rows = torch.stack([angle.cos(), angle.sin()], dim=1)
    wrong = wrong_groups(rows, known, rows.flip(0), known.flip(0), known, 2)
    assert sorted(wrong[20].tolist()) == [19, 21]
    batches = list(hard_batches(wrong, 8, generator()))
    assert sorted(torch.cat(batches).tolist()) == known.tolist()
    assert [len(batch) for batch in batches] == [8] * 5
    beside = sum(abs(a - b) <= 2 for batch in batches for a, b in pairwise(batch.tolist()))
    assert beside >= 15  # by chance it would be four


def test_groups_without_a_row_are_batched_all_the_same() -> None:
    wrong = wrong_groups(
        torch.eye(3), torch.tensor([0, 2, 5]), torch.eye(3), torch.tensor([0, 2, 5]), torch.arange(6), 2
    )
    assert wrong[[1, 3, 4]].tolist() == [[-1, -1]] * 3
    assert sorted(torch.cat(list(hard_batches(wrong, 4, generator()))).tolist()) == list(range(6))
