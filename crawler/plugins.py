"""Plugins: code that handles the items, requests, responses and events of any spider, besides the spider's own methods.

A spider names them in `Spider.plugins`; the setting `plugins` adds those that are installed, by the name of their entry
point in the group ``crawler.plugins``, or any class as ``module:Name``.
"""

from __future__ import annotations

from collections.abc import Iterable
from importlib import import_module
from typing import Any

from crawler.errors import SpiderError, UsageError
from crawler.events import Event, Observer
from crawler.request import Request
from crawler.response import Response
from crawler.spider import Spider
from crawler.spider_checks import check_called

GROUP = "crawler.plugins"  #: of entry points

__all__ = ["Plugin"]


class Plugin:
    """Base of plugins: override what you need. One object serves all worker threads of a process.

    The methods are those of `Spider` with the same names, called after the spider's own, in the order of the plugins.

    Args:
        spider: The spider whose items, requests and responses it is given.
    """

    def __init__(self, spider: Spider) -> None:
        self.spider = spider

    def __init_subclass__(cls, **options: Any) -> None:
        """Refuse a method with other parameters, or one that is ``async``. Raises SpiderError."""
        super().__init_subclass__(**options)
        check_called(cls)

    def on_item(self, item: Any, response: Response | None) -> Any:
        """As `Spider.on_item`."""
        return item

    def on_request(self, request: Request) -> Request:
        """As `Spider.on_request`."""
        return request

    def on_response(self, response: Response) -> Response:
        """As `Spider.on_response`."""
        return response

    def on_event(self, event: Event) -> None:
        """As `Spider.on_event`."""


def make_plugins(spider: Spider, names: Iterable[str]) -> tuple[Plugin, ...]:
    """Those of the spider, and those of the setting.

    Raises:
        UsageError: One is not installed, cannot be loaded, or is not a plugin.
    """
    own = [(repr(made), made) for made in spider.plugins]
    return tuple(_made(name, make, spider) for name, make in [*own, *((name, _named(name)) for name in names)])


def _made(name: str, make: Any, spider: Spider) -> Plugin:
    if not callable(make):
        raise SpiderError(f"plugin {name}: a class that inherits from crawler.Plugin is wanted, not {make!r:.80}")
    try:
        made = make(spider)
    except Exception as error:
        raise UsageError(f"plugin {name} cannot be made: {type(error).__name__}: {error}") from error
    if not isinstance(made, Plugin):
        raise SpiderError(f"plugin {name} is a {type(made).__name__}; write a class that inherits from crawler.Plugin")
    return made


def _named(name: str) -> Any:
    """What a name in the setting stands for."""
    module, _, inside = name.partition(":")
    try:
        if inside:
            return vars(import_module(module))[inside]
        found = _installed()
        if name in found:
            return found[name].load()
    except KeyError:
        raise UsageError(f"plugin {name}: module {module} has no {inside}") from None
    except Exception as error:
        raise UsageError(f"plugin {name} cannot be loaded: {type(error).__name__}: {error}") from error
    there = f"there are: {', '.join(sorted(found))}" if found else f"there are none (entry points of the group {GROUP})"
    raise UsageError(f"no plugin {name!r} is installed; {there}; one of your own project: module:Name")


def _installed() -> dict[str, Any]:
    from importlib.metadata import entry_points  # only where a plugin is asked for by its name

    return {each.name: each for each in entry_points(group=GROUP)}


def own_observers(spider: Spider) -> list[Observer]:
    """The `on_event` methods of a spider and its plugins, where they have one."""
    own = [spider.on_event] if type(spider).on_event is not Spider.on_event else []
    return [*own, *(each.on_event for each in spider.active_plugins if type(each).on_event is not Plugin.on_event)]
