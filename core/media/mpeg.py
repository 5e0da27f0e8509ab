"""How long an MP3 without a table is, frame by frame: its decoder guesses from the first one, and stops there."""

from __future__ import annotations

_RATES = {3: (44_100, 48_000, 32_000), 2: (22_050, 24_000, 16_000), 0: (11_025, 12_000, 8_000)}  # by version
_FIRST = (0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320)  # kbit/s of MPEG 1, layer III
_LATER = (0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160)  # and of MPEG 2 and 2.5
_TABLES = (b"Xing", b"Info", b"VBRI")
_TABLE_WITHIN = 192  # bytes from the beginning of the first frame


def samples_of(raw: bytes) -> int | None:
    """Samples a channel, counted over its frames; none where a table says it, or where the frames are odd."""
    at = _behind_tag(raw)
    if any(table in raw[at : at + _TABLE_WITHIN] for table in _TABLES):
        return None
    count = 0
    while (frame := _frame(raw, at)) is not None:
        size, samples = frame
        at, count = at + size, count + samples
    return count or None


def _behind_tag(raw: bytes) -> int:
    if raw[:3] != b"ID3" or len(raw) < 10:
        return 0
    size = sum((byte & 0x7F) << 7 * place for place, byte in enumerate(reversed(raw[6:10])))
    return 10 + size + (10 if raw[5] & 0x10 else 0)


def _frame(raw: bytes, at: int) -> tuple[int, int] | None:
    """Bytes and samples of the frame that begins there."""
    head = raw[at : at + 4]
    if len(head) < 4 or head[0] != 0xFF or head[1] & 0xE0 != 0xE0:
        return None
    version, layer, speed, rate = head[1] >> 3 & 3, head[1] >> 1 & 3, head[2] >> 4, head[2] >> 2 & 3
    if version == 1 or layer != 1 or speed in (0, 15) or rate == 3:
        return None
    samples, kilobits = (1_152, _FIRST[speed]) if version == 3 else (576, _LATER[speed])
    return samples // 8 * kilobits * 1_000 // _RATES[version][rate] + (head[2] >> 1 & 1), samples
