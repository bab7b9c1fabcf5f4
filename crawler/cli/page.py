"""Filled by the next slice."""

from __future__ import annotations

import typer


def register(app: typer.Typer) -> None:
    """Put the commands of this file into *app*."""
