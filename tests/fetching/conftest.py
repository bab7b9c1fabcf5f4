"""Fixtures of the transports: an adapter of each kind, scripted servers, an authority for certificates."""

from transports import authority, serve, transport

__all__ = ["authority", "serve", "transport"]
