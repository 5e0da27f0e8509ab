"""How a shard is searched, why, and what recall was proved for it, in one line."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def told(row: Mapping[str, Any]) -> str:
    proved = [f"{one['recall']:.3f} for {one['asking']} queries, at least {one['low']:.3f}" for one in row["tuned"]]
    if not row["path"] or not proved:
        return str(row["reason"])
    since = f", {row['changed']:,} points came or went since" if row["changed"] else ""
    return f"{row['reason']}; recall@10 {', '.join(proved)}{since}"
