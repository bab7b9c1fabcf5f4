"""Cookies from a HAR file, the recording of a browser's network panel. Pure.

The answers in it are taken in as the crawl would take them in, one after the other. What the browser sent without
having got it in the recording (it was there before, or a script set it) is taken as it was sent.
"""

from __future__ import annotations

from contextlib import suppress
from datetime import datetime
from typing import Any

from crawler.errors import UsageError
from crawler.sessions.cookies.cookie_records import to_record
from crawler.sessions.cookies.jar import Jar
from crawler.sessions.cookies.scope import CookieScope, domain_match, origin_and_path_start
from crawler.sessions.formats.browser_records import browser_record
from crawler.sessions.formats.curl_command import Captured, records_of_header


def read_har(har: Any, *, url: str | None = None, now: float) -> Captured:
    """The cookies that one site had at the end of a recording, the User-Agent, and the last Authorization it was sent.

    Args:
        har: The parsed JSON.
        url: A URL of the site; by default that of the first request.
        now: Seconds since 1970, for answers whose time is not given.
    Raises:
        UsageError: It is not a HAR, has no request to the site, or holds neither cookies nor a token: browsers leave
            them out.
    """
    entries, damaged = entries_of(har)
    wanted = url if url is not None or not entries else entries[0][0]
    home = origin_and_path_start(wanted or "")[0]
    if home is None:
        raise UsageError("no site: the HAR file has no http requests, or the URL is not an http one")
    jar = Jar(clock=lambda: now)
    user_agent, authorization = None, ""
    for address, entry in entries:
        origin = origin_and_path_start(address)[0]
        if origin is None or origin.site != home.site:
            continue
        headers = headers_of_har(entry["request"])
        user_agent = next((value for name, value in headers if name == "user-agent"), user_agent)
        authorization = next((value for name, value in headers if name == "authorization"), authorization)
        _note_sent(jar, entry["request"], headers, origin)
        moment = _moment(entry.get("startedDateTime"), now)
        answer = headers_of_har(entry.get("response"))
        lines = [line for name, value in answer if name == "set-cookie" for line in value.split("\n")]
        jar.receive(address, lines, now=moment, date=next((value for name, value in answer if name == "date"), None))
        if not lines:
            damaged += _note_received(jar, entry.get("response"), origin)
    cookies = jar.dump()
    if not cookies and not authorization:
        raise UsageError(f"the HAR file holds no cookies of {home.site}: export it with sensitive data")
    own = {"Authorization": authorization} if authorization else {}
    return Captured(cookies, user_agent, own, left_out=tuple(damaged))


def entries_of(har: Any) -> tuple[list[tuple[str, Any]], list[str]]:
    """Address and entry of each request; and what is not an entry."""
    try:
        listed = list(har["log"]["entries"])
    except (KeyError, TypeError):
        raise UsageError("this is not a HAR file: it has no log.entries with requests") from None
    entries = []
    for entry in listed:
        request = entry.get("request") if isinstance(entry, dict) else None
        if isinstance(request, dict) and isinstance(request.get("url"), str):
            entries.append((request["url"], entry))
    if listed and not entries:
        raise UsageError("this is not a HAR file: it has no log.entries with requests")
    missing = len(listed) - len(entries)
    return entries, [f"{missing:,} entries of the HAR file that hold no request"] if missing else []


def _note_received(jar: Jar, response: Any, origin: CookieScope) -> list[str]:
    """For producers that list the cookies of an answer, but not its headers. Returns what could not be read."""
    listed = response.get("cookies") if isinstance(response, dict) else None
    left_out = []
    for cookie in listed if isinstance(listed, list) else ():
        try:
            jar.load([browser_record(cookie, host=origin.host)])
        except ValueError as error:
            left_out.append(str(error))
    return left_out


def headers_of_har(message: Any) -> list[tuple[str, str]]:
    headers = message.get("headers") if isinstance(message, dict) else None
    if isinstance(headers, dict):  # some write an object instead of the list
        headers = [{"name": name, "value": value} for name, value in headers.items()]
    return [
        (header["name"].lower(), header["value"])
        for header in (headers if isinstance(headers, list) else ())
        if isinstance(header, dict) and isinstance(header.get("name"), str) and isinstance(header.get("value"), str)
    ]


def _note_sent(jar: Jar, request: Any, headers: list[tuple[str, str]], origin: CookieScope) -> None:
    """Let *jar* have what the browser sent: cookies from before the recording, or set by a script."""
    listed = request.get("cookies")
    records = []
    for cookie in listed if isinstance(listed, list) else ():
        with suppress(ValueError):  # the header of the same request has it, too, or nothing has
            records.append(browser_record(cookie, host=origin.host))
    if not records:
        records = [record for name, text in headers if name == "cookie" for record in records_of_header(text, origin)]
    known = {cookie.name: cookie for cookie in jar.cookies() if domain_match(origin.host, cookie.domain)}
    for record in records:
        old = known.get(record["name"])
        if old is None:
            jar.load([record])
        elif old.value != record["value"]:
            jar.load([{**to_record(old), "value": record["value"]}])


def _moment(text: object, default: float) -> float:
    try:
        return datetime.fromisoformat(str(text)).timestamp()
    except (ValueError, OverflowError, OSError):
        return default
