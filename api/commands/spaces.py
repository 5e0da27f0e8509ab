"""`hearsee spaces`: which spaces there are, and what stands behind one."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from hearsee.api.options import JsonOption
from hearsee.api.terminal import console, print_json, table

Name = Annotated[str | None, typer.Argument(metavar="[NAME]", help="Show licences, figures and reasons of one space.")]
SHORT = "public recall: R@1 in percent, words to pictures of Flickr30k and COCO, as published"
OFFLINE = ("toybox", "hash")  # they come with the package
HASH = {"about": "Equal bytes are near, it understands nothing: for tests.", "megabytes": 0, "free": True}


def spaces(name: Name = None, as_json: JsonOption = False) -> None:
    """List the spaces that vectors can be made in; with a name, what stands behind it."""
    from hearsee.core.errors import NotFound
    from hearsee.core.space import space_names

    names = sorted(space_names(), key=lambda one: (OFFLINE.index(one) if one in OFFLINE else len(OFFLINE), one))
    if name is not None and name not in names:
        raise NotFound(f"no space is named {name!r}: known are {', '.join(names)}")
    rows = [_about(one) for one in ([name] if name else names)]
    if as_json:
        print_json({"spaces": rows})
    elif name is not None:
        _show_one(rows[0])
    else:
        columns = (
            "name",
            "dim",
            "weights",
            "licence of weights",
            "of the data behind them",
            "languages",
            "public recall",
        )
        cells = [
            (_called(row), row["dim"] or "", _weights(row), _licences(row, "weights"), _licences(row, "data"),
             ", ".join(row.get("languages") or ()), _recall(row)) for row in rows
        ]  # fmt: skip
        out = console()
        out.print(table("Spaces", columns, cells, right=(1,)))
        out.print(f"{SHORT}; what each is, its reasons and its sources: hearsee spaces NAME", style="dim")


def _called(row: dict[str, Any]) -> str:
    return f"{row['name']} (default)" if row.get("default") else str(row["name"])


def _licences(row: dict[str, Any], of: str) -> str:
    """Each once, as short as it can be said; what is not free for every use stands out."""
    said = [f"{one['licence']}{'' if one.get('free', True) else ' (not free)'}" for one in row.get(of) or ()]
    return "; ".join(dict.fromkeys(said))


def _recall(row: dict[str, Any]) -> str:
    """Recall@1 by the words asked for, each with where it was published."""
    found = [one for one in row.get("figures") or () if one["what"].endswith("R@1")]
    by_source: dict[str, list[str]] = {}
    for one in found:
        by_source.setdefault(one["source"], []).append(f"{one['what'].partition(' ')[0]} {one['value']:g}")
    return "; ".join(f"{', '.join(values)} ({source})" for source, values in by_source.items())


def _weights(row: dict[str, Any]) -> str:
    if row["name"] in OFFLINE:
        return "come with it"
    return f"{row['megabytes']:,} MB{'' if row['free'] else ', not free'}" if row["megabytes"] else ""


def _show_one(row: dict[str, Any]) -> None:
    out = console()
    out.print(f"{row['name']}: {row['about']}")
    out.print(
        f"{row['dim'] or '?'} dimensions; weights: {_weights(row) or 'unknown'}; {row.get('reason', '')}", style="dim"
    )
    if not row["free"]:
        said = "; ".join(f"{one['what']}: {one['licence']}" for one in row["weights"] if not one.get("free", True))
        out.print(f"its weights are not free for every use: {said}", style="yellow")
    lines = [("tower", modality, tower["tower"], "") for modality, tower in row["towers"].items()]
    for kind, key in (("weights", "licence"), ("data", "licence"), ("figures", "value")):
        lines += [(kind, one["what"], one[key], one["source"]) for one in row.get(kind, [])]
    lines += [("languages", ", ".join(row["languages"]), "", "")] if row.get("languages") else []
    out.print(table("", ("", "what", "is", "says"), lines))


def _about(name: str) -> dict[str, Any]:
    """What a space is made of; presets are not loaded, since that would look for weights and fetch them."""
    from hearsee.core.errors import HearseeError
    from hearsee.core.presets import describe_spaces
    from hearsee.core.space import load_space

    described = {row["name"]: row for row in describe_spaces()}
    row: dict[str, Any] = {"name": name, "dim": None, "about": "", "megabytes": 0, "free": True, "fingerprint": None}
    row |= HASH if name == "hash" else {}
    row |= described.get(name, {})
    if name in described and name not in OFFLINE:
        return row | {"towers": {modality: {"tower": tower} for modality, tower in sorted(row["towers"].items())}}
    try:
        space = load_space(name)
    except (HearseeError, ImportError) as error:
        return row | {"towers": {}, "about": f"cannot be used here: {error}"}
    towers = {str(m): {"tower": t.contract.tower, "dim": t.dim} for m, t in sorted(space.towers.items())}
    return row | {"dim": space.dim, "towers": towers, "fingerprint": space.fingerprint}
