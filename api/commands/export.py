"""`hearsee space export`: the open_clip towers of a space as ONNX files."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from hearsee.api.options import JsonOption
from hearsee.api.terminal import console, print_json, table

Name = Annotated[
    str,
    typer.Argument(
        metavar="NAME", help="One of `hearsee spaces`, a folder with a space.json, or an open_clip model or its folder."
    ),
]
Out = Annotated[Path, typer.Option("--out", "-o", metavar="DIR", help="A new folder; it is a space afterwards.")]
Pretrained = Annotated[
    str | None, typer.Option("--pretrained", metavar="TAG", help="With an open_clip model: a tag or a checkpoint file.")
]
EightBits = Annotated[bool, typer.Option("--int8", help="Weights of eight bits: a quarter of the size, less exact.")]


def export_space(
    name: Name, out: Out, pretrained: Pretrained = None, int8: EightBits = False, as_json: JsonOption = False
) -> None:
    """Write pictures' and words' towers as ONNX files, checked against PyTorch: a cosine of 0.999 at least.

    With --int8 the files are held to 0.97 against those of full precision.
    """
    from hearsee.core.presets.exporting import export_space as export

    written = export(name, out, pretrained=pretrained, int8=int8)
    if as_json:
        towers = {one.modality: {**vars(one), "times": one.times} for one in written}
        print_json({"space": str(out), "towers": towers})
        return
    cells = [
        (one.modality, f"{one.cosine:.5f}", f"{one.megabytes:,.1f}", f"{one.pytorch_per_second:,.1f}",
         f"{one.onnx_per_second:,.1f}", f"{one.times:.2f}") for one in written
    ]  # fmt: skip
    columns = ("tower", "lowest cosine", "MB", "PyTorch, a second", "ONNX, a second", "times")
    console().print(table(str(out), columns, cells, right=range(1, 6)))
    console().print(f"use it: hearsee index FOLDER --space {out}", style="dim")
