"""`hearsee align bridge`: carry the sounds of one space into another, from captions alone."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from hearsee.api.options import JsonOption
from hearsee.api.terminal import console, print_json, table, visible

if TYPE_CHECKING:
    from hearsee.core.space import Space
    from hearsee.core.vectors import Vectors


def align_bridge(
    one: Annotated[
        str, typer.Option("--from", metavar="SPACE", help="A space of texts and sounds: a name, or a folder.")
    ] = "clap",
    other: Annotated[
        str, typer.Option("--into", metavar="SPACE", help="A space of texts, and of pictures: a name, or a folder.")
    ] = "clip",
    captions: Annotated[
        list[Path] | None,
        typer.Option(
            "--captions", metavar="FILE", help="One caption a line, or a table; may repeat. Else our own list."
        ),
    ] = None,
    column: Annotated[
        str | None, typer.Option("--column", metavar="NAME", help="Of a table with several: where the captions are.")
    ] = None,
    out: Annotated[Path, typer.Option("--out", "-o", metavar="DIR", help="Where the new space goes.")] = Path(
        "bridged"
    ),
    library: Annotated[
        Path | None,
        typer.Option(
            "--library",
            "-l",
            metavar="DIR",
            help="Its sounds and pictures, unpaired, tell where sounds and pictures lie.",
        ),
    ] = None,
    seed: Annotated[int, typer.Option("--seed", help="Decides the draws.")] = 0,
    epochs: Annotated[
        int | None, typer.Option("--epochs", help="How often to go over the captions; 0: closed form.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Train the head that carries one space's sounds into another, from captions that both read; no media, no pairs."""
    from hearsee.api.answers import plain
    from hearsee.core.errors import BadInput
    from hearsee.core.head import Heads
    from hearsee.core.modality import Modality
    from hearsee.core.presets import DESCRIPTION, preset_space, read_preset
    from hearsee.indexer.align.caption_files import read_captions
    from hearsee.indexer.align.scenes import captions as our_captions

    if (out / DESCRIPTION).exists():
        raise BadInput(f"--out {out} describes a space already: name another folder, or remove it first")
    texts = read_captions(captions, column) if captions else our_captions()
    presets = (read_preset(one), read_preset(other))
    from hearsee.indexer.align.bridged import check_heads, check_spaces, read_texts, write_space

    check_spaces(*presets)
    spaces = (preset_space(one), preset_space(other))
    check_heads(spaces[0])
    from hearsee.indexer.align.bridge import BridgeRecipe, build_bridge

    err = console(stderr=True)
    sounds, pictures = _unpaired(library, spaces)
    read, told = (read_texts(space, texts, _counter(space.name, len(texts))) for space in spaces)
    recipe = BridgeRecipe(seed=seed) if epochs is None else BridgeRecipe(seed=seed, epochs=epochs)
    head, report = build_bridge(read, told, sounds, pictures, recipe, lambda line: err.print(visible(line)))
    about: dict[str, Any] = {"bridge": plain(report), "from": presets[0].name, "into": presets[1].name}
    contract = spaces[0].tower(Modality.AUDIO).contract.fingerprint
    write_space(out, presets, spaces, Heads({Modality.AUDIO: head}, presets[1].dim, {Modality.AUDIO: contract}, about))
    if as_json:
        print_json({"space": str(out), **about})
        return
    rows = [("closed form", f"{report.closed_form:.3f}"), ("learned", f"{report.learned:.3f}")]
    title = f"{report.held:,} captions that were held out find themselves (R@10)"
    console().print(table(title, ("head", "R@10"), rows, right=(1,)))
    told_of = (
        f"{report.sounds:,} sounds told their middle" if report.sounds else "no sounds told their middle: --library"
    )
    console().print(visible(f"space in {out}: index with --space {out}; {told_of}"))
    console().print(
        visible(f"a library of the same towers takes it as it is: hearsee align switch --to {out}"), style="dim"
    )


def _unpaired(library: Path | None, spaces: tuple[Space, Space]) -> tuple[Vectors | None, Vectors | None]:
    """Sounds and pictures of a library, where one is named."""
    if library is None:
        return None, None
    from hearsee.indexer.align.bridged import library_media
    from hearsee.indexer.library import Library

    with Library.open(library) as opened:
        return library_media(opened, spaces)


def _counter(name: str, count: int) -> Any:
    err = console(stderr=True)

    def told(done: int) -> None:
        if done == count or done % 2560 == 0:
            err.print(visible(f"{name}: {done:,} of {count:,} captions read"))

    return told
