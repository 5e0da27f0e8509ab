"""`hearsee spaces`: which spaces there are."""

from __future__ import annotations

from typing import Any

from hearsee.api.options import JsonOption
from hearsee.api.terminal import console, print_json, table

NEEDS = {
    "hash": "nothing; equal bytes are near, it understands nothing (for tests)",
    "toybox": "nothing; knows the toybox world only, weights come with the package",
}


def spaces(as_json: JsonOption = False) -> None:
    """List the spaces that vectors can be made in."""
    from hearsee.core.space import space_names

    rows = [_about(name) for name in space_names()]
    if as_json:
        print_json({"spaces": rows})
        return
    cells = [
        (row["name"], row["dim"] or "", ", ".join(row["towers"]), row["needs"], str(row["fingerprint"] or "")[:12])
        for row in rows
    ]
    console().print(table("Spaces", ("name", "dim", "encodes", "needs", "fingerprint"), cells, right=(1,)))


def _about(name: str) -> dict[str, Any]:
    """What a space is made of, or what it lacks."""
    from hearsee.core.errors import HearseeError
    from hearsee.core.presets import describe_spaces
    from hearsee.core.space import load_space

    known: dict[str, Any] = {
        "name": name,
        "dim": None,
        "towers": {},
        "needs": NEEDS.get(name, "see what brings it"),
        "fingerprint": None,
    }
    described = {row["name"]: row for row in describe_spaces()}
    if name in described and name not in NEEDS:  # loading would look for weights, and fetch them
        row = described[name]
        towers = {modality: {"tower": tower} for modality, tower in sorted(row["towers"].items())}
        licence = "" if row["free"] else ", not free for every use"
        needs = f"{row['megabytes']:,} MB of weights{licence}: {row['about']}"
        return {**known, **row, "towers": towers, "needs": needs}
    try:
        space = load_space(name)
        towers = {str(m): {"tower": t.contract.tower, "dim": t.dim} for m, t in sorted(space.towers.items())}
        return {**known, "dim": space.dim, "towers": towers, "fingerprint": space.fingerprint}
    except (HearseeError, ImportError) as error:
        return {**known, "needs": f"cannot be used here: {error}"}
