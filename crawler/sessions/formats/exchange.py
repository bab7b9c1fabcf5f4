"""Sessions in and out of other programs: one `read` for all formats, one `write`, and a file that only its owner reads.

Pure but for `write_private`: text goes in, records as `Jar.load` takes them come out, and back.

========================  ====  =====  ==========================================================================
format                    read  write  what it keeps
========================  ====  =====  ==========================================================================
``json``                  yes   yes    everything but passwords; also reads the lists of browser extensions, and
                                       name-value objects
``storage-state``         yes   yes    all but the time of creation; localStorage and IndexedDB of its origins
``cookies.txt``           yes   yes    all but SameSite and the time of creation (see `cookies_txt`)
``curl``                  yes   yes    names and values, User-Agent and headers
``har``                   yes   no     what the answers in it said, User-Agent, Authorization
========================  ====  =====  ==========================================================================
"""

from __future__ import annotations

import json
import os
import re
import tempfile
from collections.abc import Iterable, Mapping
from dataclasses import field
from pathlib import Path
from typing import Any, Final

from crawler.errors import UsageError
from crawler.late_pattern import late_pattern
from crawler.quick_dataclass import quick_dataclass
from crawler.sessions.auth.schemes import authorization_of, movable
from crawler.sessions.cookies.cookie_records import Record, from_record, to_record
from crawler.sessions.cookies.scope import origin_and_path_start
from crawler.sessions.formats.browser_records import browser_record, storage_state_cookie
from crawler.sessions.formats.cookies_txt import read_cookies_txt, write_cookies_txt
from crawler.sessions.formats.curl_command import Captured, read_curl, write_curl
from crawler.sessions.formats.har import read_har
from crawler.sessions.origins import SURVIVES_ORIGIN
from crawler.sessions.storage import of_storage_state, to_storage_state

_OURS: Final = "crawl-session"
_MORE: Final = ("auth", "params", "note", "storage")
READABLE: Final = ("json", "storage-state", "cookies.txt", "curl", "har")
WRITABLE: Final = ("curl", "cookies.txt", "storage-state", "json")

_CURL: Final = late_pattern(r"(?:[$%#>] )?(?:[^\s'\"]*/)?curl(?:\.exe)?\s")  # with the prompt, if it was copied too
_COOKIES_TXT_START: Final = late_pattern(
    r"#[ \t]*(?:Netscape )?HTTP Cookie File", re.IGNORECASE
)  # wget: without Netscape
_COOKIES_TXT_LINE: Final = late_pattern(
    r"^\S{1,300}[ \t]+(?:TRUE|FALSE)[ \t]+/\S{0,2000}[ \t]", re.MULTILINE | re.IGNORECASE
)


@quick_dataclass
class Imported:
    """What was found. Its ``repr`` shows no values.

    Attributes:
        cookies: Records for `Jar.load`, each checked; expired ones are still there.
        user_agent: The one that the cookies were got with: servers may bind a session to it.
        headers: Others of the session, such as Authorization.
        more: Further parts of a session of ours, as a snapshot has them: auth, params, note.
        left_out: Why cookies were left out, one line each, without their values.
    """

    cookies: list[Record] = field(repr=False)
    user_agent: str | None = None
    headers: dict[str, str] = field(default_factory=dict, repr=False)
    left_out: tuple[str, ...] = ()
    more: dict[str, Any] = field(default_factory=dict, repr=False)

    @property
    def shows_somebody(self) -> bool:
        """Whether anything in it may grant access: a cookie, a token, a header that is not every client's."""
        own = [name for name in self.headers if name.lower() not in SURVIVES_ORIGIN]
        return bool(self.cookies or own or any(map(self.more.get, ("auth", "params", "storage"))))


def read(text: str, *, now: float, form: str | None = None, url: str | None = None) -> Imported:
    """Read cookies in any of the formats.

    Args:
        text: What the person pasted, or the file.
        now: Seconds since 1970: the time of creation of cookies that do not tell theirs.
        form: One of `READABLE`; None finds out.
        url: A URL of the site: for formats that do not say whose cookies they are; a HAR is read for this site only.
    Raises:
        UsageError: It is none of the formats, is damaged, or needs *url*. Never shows a value.
    """
    text = text.removeprefix("\ufeff")
    form = form or _recognised(text)
    if form == "curl":
        found = read_curl(text, url=url)
    elif form == "cookies.txt":
        found = read_cookies_txt(text)
    elif form in READABLE:
        found = _read_json(_parsed(text), form, url, now)
    else:
        raise UsageError(f"unknown format {form!r}: one of {', '.join(READABLE)}")
    cookies, left_out = [], list(found.left_out)
    more = {name: found.more[name] for name in _MORE if isinstance(found.more.get(name), dict)}
    for record in found.cookies:
        try:
            cookies.append(to_record(from_record({"created": now, **record} if isinstance(record, dict) else record)))
        except ValueError as error:
            left_out.append(str(error))
    return Imported(cookies, found.user_agent, found.headers, tuple(left_out), more)


def _recognised(text: str) -> str:
    start = text.lstrip()
    if start.startswith(("{", "[")):
        return "json"  # which of the JSON formats it is, its keys say
    if _CURL.match(start):
        return "curl"
    if _COOKIES_TXT_START.match(start) or _COOKIES_TXT_LINE.search(text):
        return "cookies.txt"
    raise UsageError(f"this is not in a format that can be read ({', '.join(READABLE)})")


def _parsed(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        raise UsageError("this is not valid JSON: was all of it pasted?") from None


def _read_json(found: Any, form: str, url: str | None, now: float) -> Captured:
    if form == "har" or (isinstance(found, dict) and isinstance(found.get("log"), dict)):
        return read_har(found, url=url, now=now)
    origin = origin_and_path_start(url)[0] if url else None
    host = origin.host if origin is not None else ""
    about = _unwrapped(found) if isinstance(found, dict) else {}
    listed = about.get("cookies") if isinstance(found, dict) else found
    if isinstance(listed, list):
        cookies, left_out = _records(listed, host)
        storage, not_kept = of_storage_state(about)
        user_agent, headers = about.get("user_agent"), about.get("headers")
        return Captured(
            cookies,
            user_agent if isinstance(user_agent, str) else None,
            {str(k): str(v) for k, v in headers.items()} if isinstance(headers, dict) else {},
            about if about.get("format") == _OURS else {"storage": storage},
            (*left_out, *not_kept),
        )
    if isinstance(found, dict) and found and all(isinstance(value, str) for value in found.values()):
        if origin is None:
            raise UsageError("these cookies do not say whose they are: give the URL of the site")
        return Captured([{"name": k, "value": v, "domain": host, "secure": origin.secure} for k, v in found.items()])
    raise UsageError("this JSON holds no cookies: neither a list of them nor an object with 'cookies'")


def _unwrapped(found: dict[str, Any]) -> dict[str, Any]:
    """The object with the cookies: the DevTools protocol puts its answers into a ``result``."""
    inner = found.get("result")
    return inner if isinstance(inner, dict) and "cookies" not in found else found


def _records(listed: list[Any], host: str) -> tuple[list[Record], list[str]]:
    cookies, left_out = [], []
    for cookie in listed:
        try:
            cookies.append(cookie if _is_ours(cookie) else browser_record(cookie, host=host))
        except ValueError as error:
            left_out.append(str(error))
    return cookies, left_out


def _is_ours(cookie: object) -> bool:
    return isinstance(cookie, dict) and "host_only" in cookie


def write(
    records: Iterable[Record],
    form: str,
    *,
    url: str | None = None,
    user_agent: str | None = None,
    headers: Mapping[str, str] | None = None,
    more: Mapping[str, Any] | None = None,
) -> str:
    """The cookies in a format of `WRITABLE`. The text lets in whoever reads it: see `write_private`.

    Args:
        records: As `Jar.dump` gives them.
        form: The format.
        url: For ``curl``: what to fetch, by default the first cookie's host.
        user_agent: For ``curl`` and ``json``, as are *headers*.
        more: Further parts of the session's snapshot, for ``json``; a token in them for ``curl``, too. Passwords stay.
    Raises:
        UsageError: An unknown format; or a curl command without URL and cookies.
    """
    listed = list(records)
    if form == "cookies.txt":
        return write_cookies_txt(listed)
    if form == "storage-state":
        cookies = [storage_state_cookie(record) for record in listed if record["domain"]]
        origins = to_storage_state((more or {}).get("storage") or {})
        return json.dumps({"cookies": cookies, "origins": origins}, indent=2) + "\n"
    if form == "json":
        about = {"user_agent": user_agent, "headers": dict(headers or {}), **_movable(more or {})}
        return json.dumps({"format": _OURS, "version": 1, "cookies": listed, **about}, indent=2) + "\n"
    if form != "curl":
        raise UsageError(f"unknown format {form!r}: one of {', '.join(WRITABLE)}")
    host = next((record["domain"] for record in listed if record["domain"]), "")
    if not url and not host:
        raise UsageError("no cookies, and no URL to fetch: give one")
    authorization = authorization_of((more or {}).get("auth"))
    return write_curl(
        listed,
        url or f"https://{f'[{host}]' if ':' in host else host}/",
        user_agent=user_agent,
        headers={**({"Authorization": authorization} if authorization else {}), **(headers or {})},
    )


def left_behind(form: str, more: Mapping[str, Any]) -> str:
    """What of a session's snapshot a format does not take along, in one line for a person; "" for nothing."""
    auth = more.get("auth")
    if not auth:
        return ""
    if form not in ("json", "curl"):
        return f"{form} holds cookies only: the session's authentication stays behind; json and curl take a token along"
    whole = movable(auth) if form == "json" else authorization_of(auth)
    return "" if whole else "the session sends a password, which is not exported: give it to the other machine yourself"


def _movable(more: Mapping[str, Any]) -> dict[str, Any]:
    kept = {name: more[name] for name in _MORE if more.get(name)}
    auth = movable(kept.pop("auth", None))
    return kept if auth is None else {**kept, "auth": auth}


def write_private(path: str | Path, text: str) -> None:
    """Put *text* at *path* with mode 0600, whole or not at all; the permissions of the folder stay as they are.

    A link at *path* is replaced, not followed.

    Raises:
        OSError: It cannot be written; what was there is unchanged.
    """
    target = Path(path)
    handle, temporary = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name[:80]}.")  # O_EXCL, O_NOFOLLOW, 0600
    try:
        with os.fdopen(handle, "w", encoding="utf-8", errors="surrogateescape", newline="") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, target)
    except BaseException:
        os.unlink(temporary)
        raise
