"""The tour: a small invented world, filled, searched and measured."""

from __future__ import annotations

from hearsee.api.demo.tour import Tour, take_tour

__all__ = ["Tour", "take_tour"]
