"""Filled by the next slice."""

from __future__ import annotations

import typer

app = typer.Typer()
