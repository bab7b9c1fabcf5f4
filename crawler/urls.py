"""URLs: the absolute form to fetch, the key under which a page counts as seen, hosts, sites, and what may be shown.

The absolute form is the one of browsers (WHATWG), made by ada. The key is that form without its fragment, with query
arguments sorted, one spelling of each percent-escape, and without session ids; it is compared, never sent. Both have a
quick way for plain URLs: a regular expression admits only text on which the full way would change nothing but the order
of the arguments. Everything here is pure and safe from any thread.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Callable
from functools import cache, lru_cache
from hashlib import blake2b
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address
from typing import Final
from urllib.parse import quote_from_bytes, quote_plus, unquote_to_bytes

import ada_url
from publicsuffixlist import PublicSuffixList

from crawler import session_ids
from crawler.errors import InvalidURL
from crawler.redaction import HIDDEN as HIDDEN
from crawler.redaction import is_secret_name as is_secret_name
from crawler.redaction import printable as printable
from crawler.redaction import redact as redact
from crawler.url_users import NO_USER, masked_user, without_user

MAX_CHARACTERS: Final = 65_536  # a longer text is not a link; parsing it would only cost time

# A host that the WHATWG parser leaves alone: lower case, last label begins with a letter (else it might be a number in
# disguise, such as 0x7f.1), nothing in Punycode; or four plain decimal bytes. A port that is not the default, in range.
_PLAIN_BYTE: Final = r"(?:25[0-5]|2[0-4]\d|1\d\d|[1-9]?\d)"
_PLAIN_HOST: Final = (
    r"(?:(?!xn--)(?:[a-z0-9][a-z0-9-]*\.(?!xn--))*[a-z][a-z0-9-]*|" + rf"{_PLAIN_BYTE}(?:\.{_PLAIN_BYTE}){{3}})"
)
_HIGH_PORT: Final = r"[1-5]\d{4}|6[0-4]\d{3}|65[0-4]\d\d|655[0-2]\d|6553[0-5]"
_PLAIN_PORT: Final = rf"(?::(?!80[/?#]|443[/?#])(?:[1-9]\d{{1,3}}|{_HIGH_PORT}))?"
_PLAIN_PATH: Final = r"(?:/(?:[\w~!$'()*+,=:@-][\w.~!$'()*+,=:@-]*+)?)++"
_PLAIN_ARGUMENT: Final = r"[\w.~-]+=[\w.~-]*"
_PLAIN_QUERY: Final = rf"(?:\?({_PLAIN_ARGUMENT}(?:&{_PLAIN_ARGUMENT})*+))?"
_PLAIN_LINK: Final = re.compile(rf"(?!//){_PLAIN_PATH}{_PLAIN_QUERY}", re.ASCII)
# Text already in the one spelling: nothing is escaped that could stand for itself. In a path, letters outside ASCII.
_SPELLED: Final = r"(?:[\w.~+-]++|%(?!2[0DE]|3\d|4[1-9A-F]|5[0-9AF]|6[1-9A-F]|7[0-9AE])[0-9A-F]{2})*+"
_SPELLED_QUERY: Final = re.compile(rf"{_SPELLED}={_SPELLED}(?:&{_SPELLED}={_SPELLED})*+", re.ASCII)
_SPELLED_SEGMENT: Final = r"(?:[\w~!$'()*+,=:@-]|%[89A-F][0-9A-F])(?:[\w.~!$'()*+,=:@-]++|%[89A-F][0-9A-F])*+"
_KEY: Final = re.compile(
    rf"https?://{_PLAIN_HOST}{_PLAIN_PORT}(?:/(?:{_SPELLED_SEGMENT})?)++"
    rf"(?:\?({_SPELLED}={_SPELLED}(?:&{_SPELLED}={_SPELLED})*+))?",
    re.ASCII,
)
# What the WHATWG parser leaves alone, escapes included: a segment that is no "." or "..", however it is written.
_KEPT: Final = r"[\w~!$'()*+,=:@&;-]"
KEPT_SEGMENT: Final = rf"(?:{_KEPT}|%(?!2[eE])[0-9A-Fa-f]{{2}})(?:[.{_KEPT[1:]}++|%[0-9A-Fa-f]{{2}})*+"
KEPT_PATH: Final = rf"(?:/(?:{KEPT_SEGMENT})?)++"
KEPT_QUERY: Final = r"(?:\?[\w.~!$()*+,=:@&;/?%-]*+)?"
_KEPT_URL: Final = re.compile(rf"https?://{_PLAIN_HOST}{_PLAIN_PORT}{KEPT_PATH}{KEPT_QUERY}", re.ASCII)
_QUOTED_PATH: Final = re.compile(r"[\w.~:/\[\]@!$&'()*+,;=|%-]*", re.ASCII)
_ORIGIN: Final = re.compile(rf"(https?)://({_PLAIN_HOST})(?::([1-9]\d{{0,3}}|{_HIGH_PORT}))?(?=[/?#]|\Z)", re.ASCII)

_SURROGATE: Final = re.compile("[\ud800-\udfff]")
_BARE_PERCENT: Final = re.compile(r"%(?![0-9A-Fa-f]{2})")
_ESCAPE: Final = re.compile(r"%([0-9A-Fa-f]{2})")
_PATH_SAFE: Final = ":/[]@!$&'()*+,;=~|"  # what stands for itself in a path, besides letters, digits and "-._"
_ASCII: Final = bytes(range(128))
_KEPT_ESCAPES: Final = frozenset(("25", "2F", "3B", "3F"))  # decoding these would change what the path means


def _refused(url: object, why: str) -> InvalidURL:
    return InvalidURL(masked_user(url)[:500] if isinstance(url, str) else repr(url)[:500], why)


@lru_cache(maxsize=256)
def root_of(base: str) -> str:
    """*base* up to its path, without user name and password; "" when it is no http or https URL."""
    plain = _ORIGIN.match(base) if base.isascii() else None
    if plain is not None and plain[3] not in ("80", "443"):
        return plain[0]
    try:
        href = ada_url.normalize_url(base)
    except ValueError:
        return ""
    return without_user(href[: href.index("/", 8) + 1])[:-1] if href.startswith(("https://", "http://")) else ""


def is_kept(url: str) -> bool:
    """Whether a text is an http or https URL without fragment that the WHATWG parser would give back as it is.

    True only when it is certain: False says nothing.
    """
    return len(url) <= MAX_CHARACTERS and _KEPT_URL.fullmatch(url) is not None


def absolute(base: str, link: str) -> str:
    """Resolve *link* as a browser on page *base* would.

    Args:
        base: Absolute URL of the page, or "" when there is none.
        link: As it stands in the page; white space around it and line ends in it do not matter.
    Returns:
        The WHATWG form, fragment included, user name and password not: they are secrets, and not of the page's address.
    Raises:
        InvalidURL: Not a URL, or not http or https. Nothing else is ever raised.
    """
    if isinstance(base, str) and isinstance(link, str) and len(link) < 2_048 and _PLAIN_LINK.fullmatch(link):
        root = root_of(base)
        if root:
            return root + link
    return without_user(with_user(base, link))


def with_user(base: str, link: str) -> str:
    """As `absolute`, with user name and password: for those who send them and keep no address."""
    try:
        href = ada_url.join_url(base, link) if base else ada_url.normalize_url(link)
        if len(link) > MAX_CHARACTERS or len(href) > MAX_CHARACTERS:
            raise _refused(link, f"longer than {MAX_CHARACTERS} characters")
    except (ValueError, AttributeError, TypeError) as error:
        if isinstance(error, InvalidURL):
            raise
        if not isinstance(base, str) or not isinstance(link, str):
            raise _refused(link, "a URL is text") from None
        whole = _SURROGATE.sub("\ufffd", link)  # what the standard does with half a character
        if whole != link:
            return with_user(base, whole)
        raise _refused(link, "not a valid URL") from None
    if not href.startswith(("https://", "http://")):
        raise _refused(link, "only http and https can be fetched")
    return href


def of_spider(url: str) -> str:
    """The URL to fetch for one that a person wrote: WHATWG form, without fragment.

    Raises:
        InvalidURL: As in `absolute`, or it has a user name or a password, which would be stored and shown with it.
    """
    if isinstance(url, str) and is_kept(url):
        return url
    href = absolute("", url)
    if "@" in url and href != with_user("", url):
        raise InvalidURL(href, NO_USER)
    return href.partition("#")[0]


def _as_reference(error: UnicodeError) -> tuple[str, int]:
    """A character that the charset lacks, as browsers send it: ``&#8364;``, escaped."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    return "".join(f"%26%23{ord(each)}%3B" for each in error.object[error.start : error.end]), error.end


codecs.register_error("crawler.reference", _as_reference)


def in_charset(link: str, charset: str) -> str:
    """*link*, as it stands on a page of that charset, with its query in the bytes that browsers send.

    The path of a URL is UTF-8 everywhere; a query is encoded as its page is (UTF-8 for pages in UTF-16).

    Args:
        charset: A codec of Python.

    Source: WHATWG URL, section 4.4, "query state", and section 1.3, "percent-encode after encoding".
    """
    if link.isascii() or charset in ("", "utf-8") or charset.startswith("utf-"):
        return link
    address, hash_sign, fragment = link.partition("#")
    path, mark, query = address.partition("?")
    if query.isascii():
        return link
    sent = _SURROGATE.sub("\ufffd", query).encode(charset, "crawler.reference")
    return f"{path}{mark}{quote_from_bytes(sent, _ASCII)}{hash_sign}{fragment}"


def canonical(url: str) -> str:
    """The key of *url*: equal for all spellings of one page. Compare it, do not send it.

    Args:
        url: An absolute http or https URL in any spelling.
    Returns:
        WHATWG form without fragment; query arguments sorted by name, then value, spaces as ``+``; escapes in upper case
        and only where needed; ids of sessions left out (`session_ids`). The key of a key is itself.
    Raises:
        InvalidURL: As in `absolute`.
    """
    plain = _KEY.fullmatch(url) if isinstance(url, str) and len(url) <= MAX_CHARACTERS else None
    if plain is None or session_ids.may_hold(url):
        return _canonical_slowly(url)
    query = plain[1]
    if query is None or "&" not in query:
        return url
    if "%" in query or "+" in query:
        return url[: plain.start(1)] + "&".join(_ordered(query.split("&")))
    # "!" sorts below all that a plain name may hold, so whole arguments sort as pairs of name and value would.
    arguments = query.replace("=", "!").split("&")
    arguments.sort()
    return url[: plain.start(1)] + "&".join(arguments).replace("!", "=")


def _canonical_slowly(url: str) -> str:
    href = url if isinstance(url, str) and is_kept(url) else absolute("", url).partition("#")[0]
    address, _, query = href.partition("?")
    start = address.index("/", 8)
    path, may_hold = _normal_path(address[start:]), session_ids.may_hold(href)
    if may_hold or ";" in path or "%3B" in path:
        path = session_ids.path_without(path)
        if "/." in path:  # a session id behind it may have hidden that a segment is "." or ".."
            path = session_ids.path_without(absolute("", address[:start] + path)[start:])
    if not query:
        return address[:start] + path
    if not may_hold and _SPELLED_QUERY.fullmatch(query):
        ordered = _ordered(query.split("&")) if "&" in query else (query,)
        return f"{address[:start]}{path}?{'&'.join(ordered)}"
    arguments = []
    written = [argument for argument in query.split("&") if argument]
    for argument in written:
        name, _, value = argument.replace("+", " ").partition("=")
        pair = unquote_to_bytes(name), unquote_to_bytes(value)
        without = session_ids.argument_without(path, *pair, only=len(written) == 1)
        if without is None:
            continue
        if without != pair[1]:
            pair, value = (pair[0], without), quote_plus(without)
        arguments.append((pair, name, value))
    if not arguments:
        return address[:start] + path
    arguments.sort()
    return f"{address[:start]}{path}?" + "&".join(f"{_one_way(name)}={_one_way(value)}" for _, name, value in arguments)


#: escapes, and characters that do not stand for themselves in a query, to how they are written there
_IN_QUERY: Final = {
    written: quote_plus(bytes((each,))) for each in range(256) for written in (f"%{each:02X}", chr(each))
}
_NOT_IN_QUERY: Final = re.compile(r"%[0-9A-Fa-f]{2}|[^\w.~-]", re.ASCII)


def _ordered(arguments: list[str]) -> list[str]:
    """By name, then value, no matter what in them is escaped."""
    names = [each.partition("=")[0] for each in arguments]
    together = "".join(names)
    if "%" in together or "+" in together or len(set(names)) < len(names):
        return sorted(arguments, key=_pair)
    return [argument for _, argument in sorted(zip(names, arguments, strict=True))]


def _pair(argument: str) -> tuple[bytes, bytes]:
    name, _, value = argument.replace("+", " ").partition("=")
    return unquote_to_bytes(name), unquote_to_bytes(value)


def _one_way(text: str) -> str:
    """Name or value of an argument in the one spelling."""
    return _NOT_IN_QUERY.sub(lambda found: _IN_QUERY[found[0].upper()], text)


def _one_spelling(escape: re.Match[str]) -> str:
    digits = escape[1].upper()
    return f"%{digits}" if digits in _KEPT_ESCAPES else quote_from_bytes(bytes.fromhex(digits), _PATH_SAFE)


def _normal_path(path: str) -> str:
    # A "%" that escapes nothing is escaped itself, or "%%32f" would turn into "%2f", which means something else.
    path = _ESCAPE.sub(_one_spelling, _BARE_PERCENT.sub("%25", path)) if "%" in path else path
    return path if _QUOTED_PATH.fullmatch(path) else quote_from_bytes(path.encode(), _PATH_SAFE + "%")


def fingerprint(method: str, url_canonical: str, body: bytes = b"", session: str = "") -> bytes:
    """16 bytes that identify a request: method, key of the URL, body and the name of the session that sends it."""
    verb, url, name = method.upper().encode(), url_canonical.encode(), session.encode("utf-8", "surrogatepass")
    # with lengths, so that no two requests give the same bytes
    framed = b"%d:%b%d:%b%d:%b%d:%b" % (len(verb), verb, len(url), url, len(body), body, len(name), name)
    return blake2b(framed, digest_size=16).digest()


def fingerprint_of_gets(session: str) -> Callable[[str], bytes]:
    """`fingerprint` of plain GETs that one session sends, by the key of their URL."""
    name = session.encode("utf-8", "surrogatepass")
    end = b"0:%d:%b" % (len(name), name)

    def of(url_canonical: str) -> bytes:
        url = url_canonical.encode()
        return blake2b(b"3:GET%d:%b%b" % (len(url), url, end), digest_size=16).digest()

    return of


# --- hosts, origins, sites --------------------------------------------------------------------------------------------


@lru_cache(maxsize=256)
def _origin(url: str) -> tuple[str, str, int]:
    found = _ORIGIN.match(url) if isinstance(url, str) else None
    if found is not None:
        scheme, host, port = found.groups()
    else:
        parsed = ada_url.URL(absolute("", url))
        scheme, host, port = parsed.protocol[:-1], parsed.hostname, parsed.port
    return scheme, host, int(port) if port else (443 if scheme == "https" else 80)


@lru_cache(maxsize=1_024)
def _plain_host(origin: str) -> str:
    """The host of "https://host:port"; "" for anything less plain."""
    found = _ORIGIN.fullmatch(origin)
    return found[2] if found is not None else ""


def host_of(url: str) -> str:
    """The host of an absolute URL: lower case, Punycode, IPv6 without brackets. Raises InvalidURL."""
    path = url.find("/", 8) if isinstance(url, str) else -1
    return (_plain_host(url[:path]) if path > 0 else "") or _origin(url)[1].strip("[]")


@lru_cache(maxsize=256)
def origin_of(url: str) -> str:
    """Scheme, host and port, the port always written: ``https://shop.example:443``. Raises InvalidURL."""
    return "{}://{}:{}".format(*_origin(url))


USUAL_PORTS: Final = {"http": ":80", "https": ":443"}


def short_origin(url: str) -> str:
    """Scheme, host and port of a URL, as browsers write them: without the usual port. Raises InvalidURL."""
    origin = origin_of(url)
    return origin.removesuffix(USUAL_PORTS[origin.partition(":")[0]])


def same_origin(a: str, b: str) -> bool:
    """Whether two absolute URLs share scheme, host and port. Raises InvalidURL."""
    return _origin(a) == _origin(b)


def is_upgrade(a: str, b: str) -> bool:
    """Whether going from *a* to *b* is http on port 80 to https on port 443 of one host. Raises InvalidURL."""
    before, after = _origin(a), _origin(b)
    return before[1] == after[1] and (before[0], before[2], after[0], after[2]) == ("http", 80, "https", 443)


@cache
def _suffixes() -> PublicSuffixList:
    """The list in the package, its private section included; nothing is downloaded. Reading it takes 35 ms."""
    return PublicSuffixList()


def _address(host: str) -> IPv4Address | IPv6Address | None:
    try:
        return ip_address(host.strip("[]").partition("%")[0])
    except ValueError:
        return None


@lru_cache(maxsize=16_384)
def registrable(domain: str) -> str | None:
    """The public suffix plus one label, lower case; None for a suffix, an IP address, or anything else."""
    name = domain.lower().removesuffix(".")
    if not name or name.startswith(".") or ".." in name or len(name) > 253 or _address(name) is not None:
        return None
    if "." not in name:
        return None
    found: str | None = _suffixes().privatesuffix(name)
    return found


@lru_cache(maxsize=16_384)
def site_of(host: str) -> str:
    """The registrable domain of *host*; the host itself, in lower case, if it is an address, a suffix or one label."""
    return registrable(host) or host.lower().removesuffix(".").strip("[]")


_UNICAST: Final = IPv6Network("2000::/3")  # the only IPv6 addresses given out so far
_NAT64: Final = IPv6Network("64:ff9b::/96")


@lru_cache(maxsize=4_096)
def is_private(address: str) -> bool:
    """Whether a connected address lies outside the public internet, so that only a private crawl may go there.

    Looks through addresses that carry an IPv4 address: mapped, NAT64, 6to4, Teredo, ISATAP. Multicast and reserved
    ranges are private; so is everything that is not an address, a host name included: resolve first.
    """
    ip = _address(address)
    if ip is None:
        return True
    if isinstance(ip, IPv4Address):
        return not ip.is_global or ip.is_multicast or ip.is_reserved
    # 6to4 before is_global: Python 3.13 calls all of 2002::/16 not global
    inner = ip.ipv4_mapped or (IPv4Address(int(ip) & 0xFFFF_FFFF) if ip in _NAT64 else ip.sixtofour)
    if inner is not None:
        return is_private(str(inner))
    if ip not in _UNICAST or not ip.is_global or ip.teredo is not None:
        return True
    if (int(ip) >> 32) & 0xFDFF_FFFF == 0x5EFE:  # ISATAP, RFC 5214 section 6.1
        inner = IPv4Address(int(ip) & 0xFFFF_FFFF)
    return inner is not None and is_private(str(inner))
