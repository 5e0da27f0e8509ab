"""The space that trained towers make: a folder with their weights, the heads behind them, and what they came from."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from hearsee.core.errors import BadInput, NotFound
from hearsee.core.head import FILE, Heads, packed_heads
from hearsee.core.modality import Modality
from hearsee.core.presets import DESCRIPTION, Preset, preset_space, read_preset
from hearsee.core.space import Space
from hearsee.indexer.align.tunable import Named, tunable
from hearsee.indexer.align.tuning import TrainedTowers, learned_heads, learned_networks
from hearsee.indexer.files import make_folder, publish

KEPT = ("megabytes", "languages", "weights", "data", "reranker")  # of the space that it came from


def check_out(out: Path) -> None:
    if (out / DESCRIPTION).exists():
        raise BadInput(f"--out {out} describes a space already: name another folder, or remove it first")


def write_tuned(out: Path, space: Space, trained: TrainedTowers) -> Space:
    """Weights, heads and `space.json`; the space is loaded again, so that what is there can be used."""
    preset = _preset(space.name)
    make_folder(out)
    networks = learned_networks(trained)
    towers: dict[Modality, Named] = {}
    for modality, tower in sorted(space.towers.items()):
        known = None if preset is None else preset.towers.get(modality)
        if modality in networks:
            towers[modality] = trained.tunables[modality.value].write(networks[modality], out)
        elif known is not None and not _inside(known):
            towers[modality] = known
        else:  # as it was, but with its weights in this folder, too
            as_it_was = tunable(tower)
            towers[modality] = as_it_was.write(as_it_was.network, out)
    heads = {**{m: head for m, head in space.heads.items() if head.matrix is not None}, **learned_heads(trained)}
    if heads:
        about = {"recipe": trained.report.recipe, "sentence": trained.report.sentence}
        publish(out, FILE, lambda sink: sink.write(packed_heads(Heads(heads, space.dim, {}, about))))
    described = _described(space, preset, towers, trained)
    text = json.dumps(described, indent=2, ensure_ascii=False) + "\n"
    publish(out, DESCRIPTION, lambda sink: sink.write(text.encode()))
    return preset_space(str(out))


def _described(
    space: Space, preset: Preset | None, towers: Mapping[Modality, Named], trained: TrainedTowers
) -> dict[str, Any]:
    name = preset.name if preset is not None else space.name
    learned = ", ".join(sorted(trained.tunables))
    rank = trained.report.recipe["rank"]
    kept = {} if preset is None else {key: preset.about[key] for key in KEPT if preset.about.get(key) is not None}
    return {
        "name": f"{name}-tuned",
        "about": f"{name} with its towers for {learned} trained further, {'whole' if rank is None else f'rank {rank}'}",
        "dim": space.dim,
        "towers": {
            str(modality): {"tower": tower, "options": dict(options)} for modality, (tower, options) in towers.items()
        },
        "aligned": sorted({*trained.towers, *(() if preset is None else map(str, preset.aligned))}),
        **kept,
        "reason": f"trained by `hearsee align towers`: {trained.report.sentence}",
    }


def _inside(known: Named) -> bool:
    """Whether the tower's files lie in the folder of the space that it came from."""
    return any(isinstance(value, str) and value.startswith("./") for value in known[1].values())


def _preset(name: str) -> Preset | None:
    try:
        return read_preset(name)
    except NotFound:  # brought by another package, or by Python code
        return None
