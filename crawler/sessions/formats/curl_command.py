"""Cookies from a curl command, as a browser's network panel copies it, and such a command back. Pure.

A command holds names and values, but not how long a cookie lives or for which hosts it is meant. What is not said is
taken in the narrowest way: this host only, https only where it was sent so, until the server says otherwise.
"""

from __future__ import annotations

import base64
import re
import shlex
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import field
from typing import Any, Final

from crawler.errors import UsageError
from crawler.late_pattern import late_pattern
from crawler.quick_dataclass import quick_dataclass
from crawler.sessions.cookies.cookie_records import Record
from crawler.sessions.cookies.jar import Jar
from crawler.sessions.cookies.scope import CookieScope, origin_and_path_start

_MAX_COMMAND_CHARACTERS: Final = 1_048_576

# Headers of one request, not of the session; Accept-Encoding promises what the crawler may not be able to decode.
_REQUEST_HEADERS = """
    accept-encoding connection content-length content-type cookie host if-modified-since if-none-match range te trailer
    transfer-encoding upgrade user-agent
"""
_OF_ONE_REQUEST: Final = frozenset(_REQUEST_HEADERS.split())

PROMPT: Final = late_pattern(r"\A\s*[$%#>] ")
_PIECE: Final = late_pattern(
    r"""(?P<space>(?:[ \t\r\n]|\\\r?\n)+)
      | \$'(?P<ansi>(?:[^'\\]|\\.)*)'
      | '(?P<single>[^']*)'
      | "(?P<double>(?:[^"\\]|\\.)*)"
      | \\(?P<escaped>.)
      | (?P<end>[;&|<>()])
      | (?P<plain>[^ \t\r\n'"\\$;&|<>()]+|\$)
    """,
    re.DOTALL | re.VERBOSE,
)
_IN_DOUBLE_QUOTES: Final = late_pattern(r'\\(\r?\n|["\\$`])')
_ANSI_ESCAPE: Final = late_pattern(
    r"\\(?:x([0-9A-Fa-f]{1,2})|u([0-9A-Fa-f]{1,4})|U([0-9A-Fa-f]{1,8})|([0-7]{1,3})|(.))", re.DOTALL
)
_ANSI_LETTERS: Final = {"a": 7, "b": 8, "e": 27, "E": 27, "f": 12, "n": 10, "r": 13, "t": 9, "v": 11}

SHORT_WITH_VALUE: Final = frozenset("AbcCdDeEFHKmoPQrtTuUwxXyYz")
_LONG_OPTIONS = """
    --cacert --cert --cert-type --ciphers --config --connect-timeout --cookie --cookie-jar --data --data-ascii
    --data-binary --data-raw --data-urlencode --dump-header --form --form-string --header --interface --json --key
    --limit-rate --max-redirs --max-time --noproxy --oauth2-bearer --output --pass --proxy --proxy-header --proxy-user
    --range --referer --request --resolve --retry --retry-delay --socks5 --socks5-hostname --tls-max --unix-socket
    --upload-file --url --url-query --user --user-agent --write-out
"""
LONG_WITH_VALUE: Final = frozenset(_LONG_OPTIONS.split())
_SHORT_NAMES: Final = {"-H": "--header", "-b": "--cookie", "-A": "--user-agent", "-u": "--user"}


@quick_dataclass
class Captured:
    """What requests say about their session. Its ``repr`` shows no values.

    Attributes:
        cookies: Records, unchecked.
        user_agent: As it was sent.
        headers: Others that belong to the session.
        more: What else a file of ours says of it, unchecked.
        left_out: What could not be read, one line each, without values.
    """

    cookies: list[Record] = field(repr=False)
    user_agent: str | None = None
    headers: dict[str, str] = field(default_factory=dict, repr=False)
    more: Mapping[str, Any] = field(default_factory=dict, repr=False)
    left_out: tuple[str, ...] = ()


def read_curl(command: str, *, url: str | None = None) -> Captured:
    """What a curl command sends, as ``Copy as cURL`` of Chromium and Firefox writes it (the bash form).

    Args:
        command: The text; only the first command in it is read, and none is run.
        url: For commands that name no URL.
    Raises:
        UsageError: It is not a curl command, a quote does not end, or its cookies are in a file.
    """
    words = list(shell_words(PROMPT.sub("", command, count=1)))
    if not words or words[0].rsplit("/", 1)[-1] not in ("curl", "curl.exe"):
        raise UsageError("this is not a curl command: it should begin with the word curl")
    user_agent, headers, cookie_texts, address = None, dict[str, str](), [], url
    found_url = False
    for option, value in _options(words[1:]):
        if option in ("", "--url"):
            if not found_url:
                address, found_url = value if "://" in value else f"http://{value}", True
        elif option == "--user-agent":
            user_agent = value
        elif option == "--oauth2-bearer":
            headers["Authorization"] = f"Bearer {value}"
        elif option == "--user" and ":" in value:
            headers["Authorization"] = "Basic " + base64.b64encode(value.encode()).decode()
        elif option == "--cookie":
            if "=" not in value:
                raise UsageError(
                    f"the command takes its cookies from a file ({value[:80]!r}): import that file instead"
                )
            cookie_texts.append(value)
        elif option == "--header":
            name, _, text = value.partition(":")
            name, text = name.strip(" \t"), text.strip(" \t")  # of Unicode, more is blank; a value may end in it
            if name.lower() == "cookie":
                cookie_texts.append(text)
            elif name.lower() == "user-agent":
                user_agent = text
            elif text and name and not name.startswith(":") and name.lower() not in _OF_ONE_REQUEST:
                headers[name] = text
    origin = origin_and_path_start(address or "")[0]
    if address is None or origin is None:
        raise UsageError("the curl command names no http or https URL, so its cookies belong to nobody")
    cookies = [record for text in cookie_texts for record in records_of_header(text, origin)]
    return Captured(cookies, user_agent, headers)


def records_of_header(text: str, origin: CookieScope) -> list[Record]:
    """The cookies of a Cookie header, bound to the host it was sent to; of several of one name, the first."""
    found: dict[str, Record] = {}
    for pair in text.split(";"):
        name, equals, value = pair.strip(" \t").partition("=")
        if not equals:
            name, value = "", name
        if name or value:
            record = {"name": name.strip(" \t"), "value": value.strip(" \t"), "domain": origin.host}
            found.setdefault(name, {**record, "secure": origin.secure})
    return list(found.values())


def shell_words(command: str) -> Iterator[str]:
    """Split as a POSIX shell does, with the ``$'...'`` of bash; stops at the end of the first command."""
    if len(command) > _MAX_COMMAND_CHARACTERS:
        raise UsageError("the curl command is longer than 1 MiB")
    command = command.strip()
    if command.startswith('curl ^"'):
        raise UsageError("this is the Windows form of the command: copy it with 'Copy as cURL (bash)'")
    position, word = 0, None
    while position < len(command):
        piece = _PIECE.match(command, position)
        if piece is None:
            raise UsageError("a quote in the curl command does not end")
        position = piece.end()
        text = piece[piece.lastgroup or 0]
        match piece.lastgroup:
            case "space":
                if word is not None:
                    yield word
                word = None
                continue
            case "end":
                break
            case "ansi":
                text = _ansi(text)
            case "double":
                text = _IN_DOUBLE_QUOTES.sub(lambda found: "" if "\n" in found[1] else found[1], text)
        word = (word or "") + text
    if word is not None:
        yield word


def _ansi(text: str) -> str:
    """The text of a ``$'...'`` string: ``\\x`` and octal escapes are bytes, the others characters."""
    made, position = bytearray(), 0
    for found in _ANSI_ESCAPE.finditer(text):
        made += text[position : found.start()].encode("utf-8", "surrogateescape")
        position = found.end()
        byte, short, long, octal, letter = found.groups()
        if byte or octal:
            made.append(int(byte, 16) if byte else int(octal, 8) & 0xFF)
        elif short or long:
            code = int(short or long, 16)
            made += (chr(code) if code < 0x110000 else "\ufffd").encode("utf-8", "surrogatepass")
        elif letter in _ANSI_LETTERS:
            made.append(_ANSI_LETTERS[letter])
        else:
            made += (letter if letter in "\\'\"?" else f"\\{letter}").encode("utf-8", "surrogateescape")
    made += text[position:].encode("utf-8", "surrogateescape")
    try:  # Firefox writes a character beyond U+FFFF as the two halves of UTF-16
        return made.decode("utf-8", "surrogatepass").encode("utf-16-le", "surrogatepass").decode("utf-16-le")
    except UnicodeDecodeError:
        return made.decode("utf-8", "surrogateescape")


def _options(words: list[str]) -> Iterator[tuple[str, str]]:
    """Pairs of long option and value; "" is the option of a URL. Options that we have no use for are skipped."""
    rest = iter(words)
    for word in rest:
        if word.startswith("--"):
            if word in LONG_WITH_VALUE:
                yield word, next(rest, "")
        elif word.startswith("-") and len(word) > 1:
            for place, letter in enumerate(word[1:], start=1):
                if letter in SHORT_WITH_VALUE:  # the rest of the word is its value, or else the next word
                    yield _SHORT_NAMES.get(f"-{letter}", f"-{letter}"), word[place + 1 :] or next(rest, "")
                    break
        else:
            yield "", word


def write_curl(
    records: Iterable[Record], url: str, *, user_agent: str | None = None, headers: Mapping[str, str] | None = None
) -> str:
    """A curl command that fetches *url* with those of the cookies that go there, for a POSIX shell."""
    jar = Jar()
    jar.load(records)
    words = ["curl", url]
    sent = {**({"User-Agent": user_agent} if user_agent else {}), **(headers or {})}
    cookie = jar.header(url)
    if cookie:
        sent["Cookie"] = cookie
    for name, value in sent.items():
        words += ["-H", f"{name}: {value}"]
    return " ".join(map(shlex.quote, words)) + "\n"
