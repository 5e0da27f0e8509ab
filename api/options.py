"""The options that every command shares, and what they mean together with the environment."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from hearsee.core.errors import BadInput
from hearsee.core.where import without_repeats

if TYPE_CHECKING:
    from hearsee.core.settings import Settings

LibraryOption = Annotated[
    Path | None,
    typer.Option(
        "--library",
        "-l",
        metavar="DIR",
        help="The library's folder; else HEARSEE_LIBRARY, else ./hearsee-library.",
        show_default=False,
    ),
]
DatabaseOption = Annotated[
    str | None,
    typer.Option(
        "--database",
        metavar="URL",
        help="The catalog's database; else HEARSEE_DATABASE, else SQLite in the folder.",
        show_default=False,
    ),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON.")]


def settings_from(library: Path | None = None, database: str | None = None) -> Settings:
    """The environment's settings, with what the command line says on top."""
    from hearsee.core.settings import Settings

    settings = Settings.read(os.environ)
    return replace(settings, library=library or settings.library, database=database or settings.database)


def parse_filter(text: str | None) -> dict[str, Any] | None:
    """The JSON behind `--where`."""
    if text is None:
        return None
    try:
        document = json.loads(text, object_pairs_hook=without_repeats)
    except RecursionError:
        raise BadInput("--where is nested too deep: write it with fewer levels") from None
    except json.JSONDecodeError as error:
        raise BadInput(f'--where is not JSON ({error}): write it like \'{{"colour": "red"}}\'') from None
    except ValueError:
        raise BadInput("--where holds a number of too many digits: write it as a string") from None
    if not isinstance(document, dict):
        raise BadInput(f'--where is {text[:60]!r}: it must be a JSON object like \'{{"colour": "red"}}\'')
    return document


def parse_weights(pairs: list[str]) -> dict[str, float]:
    """`image=2` and the like, each part once."""
    weights: dict[str, float] = {}
    for pair in pairs:
        name, _, number = pair.partition("=")
        try:
            weight = float(number)
        except ValueError:
            raise BadInput(f"--weight {pair!r}: write it as a part and a number, like image=2") from None
        if name in weights:
            raise BadInput(f"--weight names {name!r} twice: say it once")
        weights[name] = weight
    return weights


def parse_names(text: str | None) -> list[str] | None:
    """A list with commas; None where nothing was said."""
    if text is None:
        return None
    return [name.strip() for name in text.split(",") if name.strip()]
