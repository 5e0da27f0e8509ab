"""`hearsee align`: train towers, heads, bridges, and what is learned about fusing; one file each."""

from __future__ import annotations

import typer

from hearsee.api.commands.align.bridge import align_bridge
from hearsee.api.commands.align.edits import align_edits
from hearsee.api.commands.align.fusion import align_fusion
from hearsee.api.commands.align.heads import align_heads
from hearsee.api.commands.align.live import forget_heads, list_heads, switch_heads
from hearsee.api.commands.align.rerank import align_rerank
from hearsee.api.commands.align.towers import align_towers
from hearsee.api.commands.align.toybox import align_toybox

app = typer.Typer(help="Train what carries pictures, sounds and words into one space.", no_args_is_help=False)
app.command("bridge")(align_bridge)
app.command("edits")(align_edits)
app.command("fusion")(align_fusion)
app.command("heads")(align_heads)
app.command("list")(list_heads)
app.command("switch")(switch_heads)
app.command("forget")(forget_heads)
app.command("rerank")(align_rerank)
app.command("towers")(align_towers)
app.command("toybox")(align_toybox)


@app.callback()
def align() -> None:
    """Train what carries pictures, sounds and words into one space."""
