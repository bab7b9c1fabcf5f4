"""What a browser login has shown about how an app signs its requests, in lines for a person. Pure; no value in them."""

from __future__ import annotations

from collections.abc import Iterator

from crawler.sessions.browser import BrowserSession
from crawler.sessions.storage import Path, Storage

_LEAST = 8  # characters of a value that is looked for: shorter ones occur everywhere


def offers(found: BrowserSession, session: str, storage: Storage) -> list[str]:
    """The headers that scripts of the site have sent and that grant access, each with how a crawl can send it, too."""
    return [
        line
        for origin, headers in sorted(found.sent.items())
        for name, value in sorted(headers.items())
        for line in _offer(found, session, storage, (origin, name, value))
    ]


def _offer(found: BrowserSession, session: str, storage: Storage, sent: tuple[str, str, str]) -> Iterator[str]:
    origin, name, value = sent
    scheme, _, token = value.rpartition(" ")
    place = storage.where(token) if len(token) >= _LEAST else None
    shown = "-".join(word.capitalize() for word in name.split("-"))
    said = f"the app sends the header {shown}{f' ({scheme})' if scheme else ''} to {origin}"
    if name.lower() == "authorization" and place is not None:
        yield f"{said}. The crawl does, too, with this as the auth of its {_identity(session, origin, scheme, place)}"
    elif place is not None:
        where = " > ".join(place[1])
        yield f"{said}; its value is at {where!r} of session.storage[{place[0]!r}]"
    elif cookie := next((each["name"] for each in found.cookies() if str(each["value"]) == value), ""):
        yield f"{said}; its value is that of the cookie {cookie!r}"
    elif name.lower() == "authorization":
        yield f"{said}; its token is not stored: the app asks for it with its cookies, as a login step can"


def _identity(session: str, origin: str, scheme: str, place: tuple[str, Path]) -> str:
    words = ", ".join(map(repr, (place[0], *place[1])))
    words += f", to=[{origin!r}]" if place[0] != origin else ""
    words += f", scheme={scheme!r}" if scheme != "Bearer" else ""
    also = f", and {origin!r} is among its origins" if place[0] != origin else ""
    return f"Identity({session!r}){also}: BearerAuth.from_storage({words})"
