"""The options that a command needs which goes on with a run: what was typed, but for its limits. Pure."""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping
from typing import Any, Final

#: settings that have an option of their own; None: of the run that was typed alone
_OPTIONS: Final[dict[str, str | None]] = {"store": "--store", "max_pages": None, "max_time": None, "accept": None}


def options_again(arguments: Mapping[str, str], settings: Mapping[str, Any]) -> str:
    """`` -a day=mon --store x.db -s delay=0``, as a shell takes it; "" where nothing was typed."""
    words = [word for name, value in arguments.items() for word in ("-a", f"{name}={value}")]
    for key, value in settings.items():
        option = _OPTIONS.get(key, "-s")
        if option == "-s":
            words += ["-s", f"{key}={value if isinstance(value, str) else json.dumps(value)}"]
        elif option is not None:
            words += [option, str(value)]
    return "".join(f" {shlex.quote(word)}" for word in words)


def store_again(options: str) -> str:
    """Of `options_again` what a command needs that only looks at the store."""
    words = shlex.split(options)
    place = words.index("--store") if "--store" in words else None
    return "" if place is None else f" --store {shlex.quote(words[place + 1])}"
