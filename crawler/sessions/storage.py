"""What a site's scripts keep in a browser, by origin: localStorage, sessionStorage and IndexedDB. Part of a session.

A crawl runs no scripts, but the token that an app sends with each request often stands here and nowhere else:
``session.storage["https://app.example"]["access_token"]``.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Iterable, Iterator, Mapping, MutableMapping
from fnmatch import fnmatchcase
from typing import Any, Final

from crawler.errors import InvalidURL, UsageError
from crawler.sessions.cookie_secrets import lets_in
from crawler.sessions.secrets import remember_secret
from crawler.urls import short_origin

_MOST_BYTES: Final = 5_000_000  # of one origin: what browsers let a site keep in localStorage
_DEEPEST: Final = 8  # objects inside of a value that are looked through

Path = tuple[str, ...]
"""Where a text stands: the key, and the names of the objects inside of its value."""


class OriginStorage(MutableMapping[str, str]):
    """The storage of one origin: its localStorage, else its sessionStorage. Safe from any thread.

    Attributes:
        databases: Its IndexedDB, as Playwright's storage state has it.
    """

    def __init__(self, local: Mapping[str, str], session: Mapping[str, str], databases: list[Any]) -> None:
        self._lock = threading.Lock()  # guards the rest
        self._local, self._session, self.databases = dict(local), dict(session), databases
        self.version = 0
        for key, value in self.items():
            _remember(key, value)

    def __getitem__(self, key: str) -> str:
        with self._lock:
            value = self._local.get(key, self._session.get(key))
        if value is None:
            raise KeyError(key)
        return value

    def __setitem__(self, key: str, value: str) -> None:
        _remember(key, value)
        with self._lock:
            (self._session if key in self._session and key not in self._local else self._local)[key] = value
            self.version += 1

    def __delitem__(self, key: str) -> None:
        with self._lock:
            if self._local.pop(key, self._session.pop(key, None)) is None:
                raise KeyError(key)
            self.version += 1

    def __iter__(self) -> Iterator[str]:
        with self._lock:
            return iter([*self._local, *(key for key in self._session if key not in self._local)])

    def __len__(self) -> int:
        return len(list(iter(self)))

    def find(self, key: str, *inside: str) -> str | None:
        """The text at *key*, or inside of the JSON there; None where it is not.

        Args:
            key: Its name; ``*`` stands for any characters.
            inside: Names on the way into its value. In an IndexedDB the key is ``DATABASE/STORE``.
        """
        for name in self:
            if name == key or fnmatchcase(name, key):
                found = _inside(self[name], inside)
                if found is not None:
                    return found
        return next((text for path, text in self.texts() if _is_at(path, (key, *inside))), None)

    def put(self, value: str, key: str, *inside: str) -> None:
        """Replace the text at *key*, if it is there; the arguments are those of `find`."""
        for name in self:
            if (name == key or fnmatchcase(name, key)) and _inside(self[name], inside) is not None:
                self[name] = _replaced(self[name], inside, value)
                return
        for path, record in self._records():
            if fnmatchcase(path, key) and _is_changed(record, inside, value):
                _remember(inside[-1] if inside else key, value)
                with self._lock:
                    self.version += 1
                return

    def texts(self) -> Iterator[tuple[Path, str]]:
        """Every text that is kept, with where it stands."""
        for key in self:
            yield from _texts((key,), self[key], 0)
        for path, record in self._records():
            yield from _texts((path,), _decoded(record[_field_of(record)]), 0)

    def _records(self) -> Iterator[tuple[str, dict[str, Any]]]:
        """The records of its databases that have a value, each with ``DATABASE/STORE``."""
        for database in self.databases:
            for store in database.get("stores", ()) if isinstance(database, dict) else ():
                for record in store.get("records", ()) if isinstance(store, dict) else ():
                    if isinstance(record, dict) and _field_of(record) in record:
                        yield f"{database.get('name')}/{store.get('name')}", record

    def change(self, area: str, given: Mapping[str, str], gone: Iterable[str]) -> None:
        """Take over what a page has changed in its ``local`` or ``session`` storage."""
        for key, value in given.items():
            _remember(key, value)
        with self._lock:
            kept = self._local if area == "local" else self._session
            kept.update(given)
            for key in gone:
                kept.pop(key, None)
            self.version += 1

    def replace_databases(self, databases: list[Any]) -> None:
        """Take over what a page has made of its IndexedDB."""
        if databases != self.databases:
            with self._lock:
                self.databases = databases
                self.version += 1

    def dump(self) -> dict[str, Any]:
        """As JSON values."""
        with self._lock:
            return {"local": dict(self._local), "session": dict(self._session), "databases": self.databases}

    def __repr__(self) -> str:
        return f"<OriginStorage: {', '.join(sorted(self))}>"


class Storage(Mapping[str, OriginStorage]):
    """Of one session, by origin. Safe from any thread; its repr shows no values.

    Attributes:
        loads: How often all of it was replaced.
        renewers: What renews tokens kept in it, by what it renews.
    """

    def __init__(self) -> None:
        self._origins: dict[str, OriginStorage] = {}
        self.loads = 0
        self.renewers: dict[Any, Any] = {}

    def __getitem__(self, origin: str) -> OriginStorage:
        try:
            return self._origins[short_origin(origin)]
        except (KeyError, InvalidURL):
            there = ", ".join(self._origins) or "none"
            raise KeyError(f"nothing is stored for {origin}; there are: {there}") from None

    def __iter__(self) -> Iterator[str]:
        return iter(list(self._origins))

    def __len__(self) -> int:
        return len(self._origins)

    def __repr__(self) -> str:
        return f"<Storage of {', '.join(self._origins) or 'no origin'}>"

    @property
    def version(self) -> int:
        """Moves with every change."""
        return self.loads + sum(each.version for each in self._origins.values())

    def change(self, origin: str, area: str, given: Mapping[str, str], gone: Iterable[str]) -> None:
        """Take over what a page of *origin* has changed in its ``local`` or ``session`` storage."""
        self._of(origin).change(area, given, gone)

    def replace_databases(self, origin: str, databases: list[Any]) -> None:
        """Take over what a page of *origin* has made of its IndexedDB, as Playwright's storage state has it."""
        if databases or short_origin(origin) in self._origins:
            self._of(origin).replace_databases(databases)

    def _of(self, origin: str) -> OriginStorage:
        return self._origins.setdefault(short_origin(origin), OriginStorage({}, {}, []))

    def find(self, origin: str, key: str, *inside: str) -> str | None:
        """As `OriginStorage.find`; None also where nothing is kept of *origin*."""
        kept = self._origins.get(short_origin(origin))
        return None if kept is None else kept.find(key, *inside)

    def where(self, text: str) -> tuple[str, Path] | None:
        """Origin and path of a text that is kept somewhere."""
        for origin, kept in self._origins.items():
            for path, found in kept.texts():
                if found == text:
                    return origin, path
        return None

    def dump(self) -> dict[str, Any]:
        """As JSON values, by origin."""
        return {origin: kept.dump() for origin, kept in self._origins.items()}

    def load(self, kept: Any) -> None:
        """Take what `dump` gave in place of all that is here; anything else is ignored."""
        found = kept if isinstance(kept, dict) else {}
        self._origins = {str(origin): _of_dump(value) for origin, value in found.items() if isinstance(value, dict)}
        self.loads += 1


def of_storage_state(state: Mapping[str, Any]) -> tuple[dict[str, Any], list[str]]:
    """The storage in Playwright's storage state, as `Storage.load` takes it, and what of it was left out and why.

    Beside its ``localStorage`` and ``indexedDB``, an origin may have a ``sessionStorage`` of the same form.
    """
    found: dict[str, Any] = {}
    left_out: list[str] = []
    origins = state.get("origins")
    for each in origins if isinstance(origins, list) else ():
        if not isinstance(each, dict):
            continue
        try:
            origin = short_origin(str(each.get("origin", "")))
        except InvalidURL:
            left_out.append("the storage of something that is not an origin")
            continue
        databases = each.get("indexedDB")
        kept = {
            "local": _entries(each.get("localStorage")),
            "session": _entries(each.get("sessionStorage")),
            "databases": databases if isinstance(databases, list) else [],
        }
        if len(json.dumps(kept)) > _MOST_BYTES:
            left_out.append(f"the storage of {origin}: more than {_MOST_BYTES:,} bytes")
        elif any(kept.values()):
            found[origin] = kept
    return found, left_out


def to_storage_state(kept: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The ``origins`` of Playwright's storage state. sessionStorage has no place in it."""
    return [
        {
            "origin": origin,
            "localStorage": [{"name": name, "value": text} for name, text in value.get("local", {}).items()],
            **({"indexedDB": value["databases"]} if value.get("databases") else {}),
        }
        for origin, value in kept.items()
        if isinstance(value, dict)
    ]


def needed(storage: Any) -> Storage:
    """The storage that a request carries. Raises UsageError for one that no session has prepared."""
    if not isinstance(storage, Storage):
        raise UsageError("a token from a browser's storage only goes with requests of a session of this crawler")
    return storage


def _of_dump(value: dict[str, Any]) -> OriginStorage:
    local, session, databases = value.get("local"), value.get("session"), value.get("databases")
    return OriginStorage(
        {str(name): str(text) for name, text in local.items()} if isinstance(local, dict) else {},
        {str(name): str(text) for name, text in session.items()} if isinstance(session, dict) else {},
        databases if isinstance(databases, list) else [],
    )


def _entries(listed: Any) -> dict[str, str]:
    return {
        str(each["name"]): str(each.get("value", ""))
        for each in (listed if isinstance(listed, list) else ())
        if isinstance(each, dict) and "name" in each
    }


def _remember(key: str, value: str) -> None:
    for path, text in _texts((key,), value, 0):
        if len(text) <= 8_192 and lets_in(path[-1], text):
            remember_secret(text)


def _texts(path: Path, value: Any, depth: int) -> Iterator[tuple[Path, str]]:
    if isinstance(value, str):
        yield path, value
        value = _parsed(value)
    if depth >= _DEEPEST:
        return
    items: Iterable[tuple[Any, Any]] = value.items() if isinstance(value, dict) else ()
    if isinstance(value, list):
        items = enumerate(value)
    for name, each in items:
        yield from _texts((*path, str(name)), each, depth + 1)


def _parsed(text: str) -> Any:
    if not text.lstrip().startswith(("{", "[", '"')):
        return None
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def _inside(text: str, inside: Path) -> str | None:
    if not inside:
        return text
    return next((found for path, found in _texts(("",), text, 0) if _is_at(path[1:], inside)), None)


def _is_at(path: Path, wanted: Path) -> bool:
    return len(path) == len(wanted) and all(fnmatchcase(*pair) for pair in zip(path, wanted, strict=True))


def _replaced(text: str, inside: Path, value: str) -> str:
    if not inside:
        return value
    held = _parsed(text)
    if isinstance(held, dict):
        for name in held:
            if fnmatchcase(str(name), inside[0]):
                rest = held[name]
                held[name] = _replaced(rest if isinstance(rest, str) else json.dumps(rest), inside[1:], value)
                if not isinstance(rest, str):
                    held[name] = json.loads(held[name])
                break
    return json.dumps(held)


def _field_of(record: Mapping[str, Any]) -> str:
    return "value" if "value" in record else "valueEncoded"  # which wraps what JSON does not have


def _is_changed(holder: Any, inside: Path, value: str, name: Any = None) -> bool:
    """Put *value* at *inside* of what stands at *name* of *holder*, in place. False where no text is there."""
    name = _field_of(holder) if name is None else name
    held = holder[name]
    if isinstance(held, str):
        if _inside(held, inside) is None:
            return False
        holder[name] = _replaced(held, inside, value)
        return True
    if not inside:
        return False
    places: list[tuple[Any, Any, Any]]
    if isinstance(held, dict) and isinstance(held.get("o"), list):
        places = [(each, "v", each.get("k")) for each in held["o"] if isinstance(each, dict) and "v" in each]
    else:
        listed = held.get("a", held) if isinstance(held, dict) else held
        pairs = listed.items() if isinstance(listed, dict) else enumerate(listed if isinstance(listed, list) else ())
        places = [(listed, key, key) for key, _ in pairs]
    return any(
        fnmatchcase(str(known), inside[0]) and _is_changed(where, inside[1:], value, key)
        for where, key, known in places
    )


def _decoded(value: Any) -> Any:
    """As Playwright writes what JSON cannot say: ``{"o": [{"k": name, "v": value}]}``, ``{"a": [...]}``, scalars."""
    if isinstance(value, dict):
        if isinstance(value.get("o"), list):
            return {str(each.get("k")): _decoded(each.get("v")) for each in value["o"] if isinstance(each, dict)}
        if isinstance(value.get("a"), list):
            return [_decoded(each) for each in value["a"]]
        return {str(name): _decoded(each) for name, each in value.items()}
    if isinstance(value, list):
        return [_decoded(each) for each in value]
    return value
