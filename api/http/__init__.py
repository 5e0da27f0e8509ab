"""The HTTP service and its page."""

from __future__ import annotations

from hearsee.api.http.app import create_app

__all__ = ["create_app"]
