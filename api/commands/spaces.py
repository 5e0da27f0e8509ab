"""`hearsee spaces`: which spaces there are."""

from __future__ import annotations

from hearsee.api.options import JsonOption
from hearsee.api.terminal import console, print_json, table

NEEDS = {
    "hash": "nothing; equal bytes are near, it understands nothing (for tests)",
    "toybox": "nothing; knows the toybox world only, weights come with the package",
}


def spaces(as_json: JsonOption = False) -> None:
    """List the spaces that vectors can be made in."""
    from hearsee.core.space import load_space, space_names

    rows = []
    for name in space_names():
        space = load_space(name)
        towers = {str(m): {"tower": t.contract.tower, "dim": t.dim} for m, t in sorted(space.towers.items())}
        needs = NEEDS.get(name, "see the package that brings it")
        rows.append(
            {"name": name, "dim": space.dim, "towers": towers, "needs": needs, "fingerprint": space.fingerprint}
        )
    if as_json:
        print_json({"spaces": rows})
        return
    cells = [(r["name"], r["dim"], ", ".join(r["towers"]), r["needs"], str(r["fingerprint"])[:12]) for r in rows]  # type: ignore[arg-type]
    console().print(table("Spaces", ("name", "dim", "encodes", "needs", "fingerprint"), cells, right=(1,)))
