"""Fixtures of the transports: an adapter of each kind, scripted servers, an authority for certificates."""

from __future__ import annotations

import pytest
from transports import KINDS, authority, serve, transport

__all__ = ["authority", "serve", "transport"]


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out tests of what a transport says that it does not do: ``@pytest.mark.needs("proxies")``."""
    left_out = [item for item in items if isinstance(item, pytest.Function) and lacks_something(item)]
    config.hook.pytest_deselected(items=left_out)
    items[:] = [item for item in items if item not in left_out]


def lacks_something(item: pytest.Function) -> bool:
    """Whether the transport of a test has not what the test needs."""
    callspec = getattr(item, "callspec", None)
    kind = KINDS.get(callspec.params.get("transport")) if callspec is not None else None
    needed = [name for mark in item.iter_markers("needs") for name in mark.args]
    return kind is not None and not all(vars_of(kind)[name] for name in needed)


def vars_of(kind: type) -> dict[str, bool]:
    """The attributes of its class and its bases."""
    found = {name: value for each in reversed(kind.__mro__) for name, value in vars(each).items()}
    return {**found, "own_headers_alone": not found["browser_headers"]}
