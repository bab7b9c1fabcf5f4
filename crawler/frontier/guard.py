"""Which links not to follow in a logged-in session: those that log out, and those that destroy something.

Logging out by accident costs the whole session, so the rule for it prefers safety: a short path segment, an argument
or a link text with a word that means "log out" is enough (``/help/how-to-log-out`` is lost with it; the title of an
article, such as ``/blog/logout-is-hard-to-say``, is not). Destructive words are ordinary words too, so the rule for
them prefers precision: a whole path segment, the value of an action argument, a file name such as ``delete_user.php``,
a link text that is nothing but the verb and its object. What only changes something ("take", "vote") is said by words
that are more ordinary still: `frontier.guard_changes`.

A link that a script sends with another method (``data-method="post"``) is no link to a page: a GET of its address is
either another page, which other links lead to, or none. Such a refusal is of the link alone.

What the words miss is learned (`frontier.guard_learned`). A refusal says where it was seen.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from contextlib import suppress
from functools import cached_property, lru_cache
from typing import Final
from urllib.parse import unquote

from crawler.errors import InvalidURL, SettingsError
from crawler.frontier.guard_changes import path_changes, query_changes, text_changes
from crawler.frontier.guard_learned import LearnedBans
from crawler.frontier.guard_quick import may_mean_something
from crawler.frontier.guard_shapes import (
    MAX_SEGMENT,
    MAX_SEGMENT_WORDS,
    NUMBER,
    NUMBER_ARGUMENT,
    SCRIPT,
    STATIC,
    arguments,
    is_name,
    is_of_programmer,
)
from crawler.frontier.guard_words import (
    ACTION_NAMES,
    DESTRUCTIVE,
    DESTRUCTIVE_BY_NUMBER,
    DESTRUCTIVE_OF_ONE,
    FALSE_VALUES,
    LISTS,
    LOGOUT,
    LOGOUT_ALONE,
    LOGOUT_MENTIONED,
    OBJECTS,
    ORDERS,
    SHOWING_NAMES,
    TELLING,
    VALUES_THAT_SAY_NOTHING,
    WITHOUT_ACCENTS,
    tokens,
)
from crawler.late_pattern import late_pattern
from crawler.link_text import BY_SCRIPT_ALONE, says_by_script
from crawler.urls import canonical

CHANGES: Final = "changes something"
FOLLOWED_WHERE_NAMED: Final = ("destructive", CHANGES)  #: rules that do not hold for what a spider names itself
_MAY_CHANGE: Final = "may change something"  # of a text, which its address has to confirm
_VERBS: Final = DESTRUCTIVE | DESTRUCTIVE_OF_ONE
_MAX_TEXT_WORDS: Final = 6
_MAX_NAME: Final = 64
_MAX_REMEMBERED: Final = 256  # characters: what is longer is looked at each time, so that the caches stay small
_SIGN: Final = late_pattern("[&;=]")
# One word for what English writes as two, glued to what programmers glue to it; "catalogoutlet" is not one.
_GLUED: Final = late_pattern(
    r"(?:user|do|auto|single|global|member|admin|customer|account|session|portal|app|my|sso|cas|saml|oidc|openid|oauth2?"
    r"|ajax|api|web|client|process|perform|confirm|request|wp|php|bb|usr|j|get|on|go|force|full|fb)?"
    r"(?:logout|logoff|signout|signoff)"
    r"(?:page|user|url|action|all|me|now|handler|servlet|success|redirect|process|confirm|link|do|request|service|\d+)?\Z"
)


def _says_logout(words: list[str], at_edge: bool = False) -> bool:
    """Whether some words in a row mean "log out"; with *at_edge* only at the beginning or the end."""
    count = len(words)
    for start in range(count):
        for end in range(start + 1, min(start + 4, count) + 1):
            if at_edge and start and end < count:
                continue
            phrase = "".join(words[start:end])
            if phrase in LOGOUT or (end == start + 1 and _GLUED.match(phrase)):
                return True
    return False


@lru_cache(maxsize=32_768)
def _segment_says(segment: str) -> str:
    """What a segment means: "logout", "logout alone", "destructive", "destructive of one", "destructive by number".

    "" for nothing.
    """
    if segment.isdigit():
        return ""
    if STATIC.search(segment):
        return ""
    name = SCRIPT.sub("", segment)
    words = tokens(name)
    if not words or len(words) > MAX_SEGMENT_WORDS:
        return ""
    whole = "".join(words)
    if _says_logout(words):
        return "logout"
    if whole in WITHOUT_ACCENTS and not name.isascii():
        return "destructive of one"
    if whole in LOGOUT_ALONE:
        return "logout alone"
    if whole in DESTRUCTIVE:
        return "destructive"
    if whole in DESTRUCTIVE_OF_ONE:
        return "destructive of one"
    if whole in DESTRUCTIVE_BY_NUMBER:
        return "destructive" if name is not segment and whole in ORDERS else "destructive by number"
    if len(words) > 3 or "password" in words:
        return ""
    by_programmer = is_of_programmer(segment)
    if words[0] in DESTRUCTIVE_BY_NUMBER:
        return "destructive" if len(words) > 1 and _is_of_objects(words) else ""
    first, last = words[0] in _VERBS, words[-1] in DESTRUCTIVE
    if (first and (by_programmer or OBJECTS.issuperset(words[1:]))) or (last and by_programmer):
        return "destructive"
    return ""


def _is_of_objects(words: list[str]) -> bool:
    """Whether a verb is followed by what it is done to, and not by what makes it the name of a list or an article."""
    return OBJECTS.issuperset(words[1:]) and words[-1] not in LISTS and not {"your", "my", "this"} & {*words[1:]}


def _orders(words: list[str]) -> bool:
    """Whether the value of an action is one of the ordinary words, alone or with its object."""
    if not words or words[0] not in DESTRUCTIVE_BY_NUMBER:
        return False
    return len(words) == 1 or (len(words) <= 3 and _is_of_objects(words))


def _path_says(path: str, query: str = "") -> str:
    if not may_mean_something(tokens(unquote(path) if "%" in path else path)):
        return ""
    segments = [unquote(segment) if "%" in segment else segment for segment in path.split("/") if segment]
    end = "".join(tokens(" ".join(segments[-2:]))) if len(segments) > 1 else ""
    if end in LOGOUT:  # session/destroy, log/out
        return "logout"
    telling = False  # the page is one of those that tell how to do things
    for index, segment in enumerate(segments):
        name = segment.partition(";")[0]
        said = _segment_says(name) if len(name) <= MAX_SEGMENT else ""
        if not said:
            telling = telling or "".join(tokens(segment)) in TELLING
            continue
        last = index == len(segments) - 1
        if said == "logout":
            return said
        if last and index and is_name(segments, query):
            continue
        if said == "logout alone":
            if last:
                return "logout"
            continue
        beside = segments[max(index - 1, 0) : index] + segments[index + 1 : index + 2]
        numbered = any(map(NUMBER.match, beside)) or (last and bool(NUMBER_ARGUMENT.search(query)))
        if said == "destructive by number":
            if numbered:
                return "destructive"
        elif telling and not numbered:
            continue
        elif said == "destructive" or last or any(map(str.isdigit, "".join(beside))):
            return "destructive"
    return CHANGES if path_changes(segments, query) else ""


@lru_cache(maxsize=4_096)
def _name_says(name: str) -> str:
    """ "logout", "destructive", "action", "nothing" or "": what the name of an argument means."""
    words = tokens(name)
    whole = "".join(words)
    if whole in VALUES_THAT_SAY_NOTHING:
        return "nothing"
    if whole in ACTION_NAMES:
        return "action"
    if words and len(words) <= 3 and _says_logout(words):
        return "logout"
    if words and words[0] in _VERBS and len(words) <= 2 and OBJECTS.union(("id",)).issuperset(words[1:]):
        return "destructive"
    if words and words[0] in DESTRUCTIVE_BY_NUMBER and (whole in ORDERS or (len(words) == 2 and _is_of_objects(words))):
        return "destructive"
    return ""


def _query_says(query: str) -> str:
    is_whole = len(query) <= _MAX_NAME or max(map(len, _SIGN.split(query))) <= _MAX_NAME  # no name is cut below
    if is_whole and not may_mean_something(tokens(unquote(query) if "%" in query else query)):
        return ""
    for name, value in arguments(query):
        name_says = _name_says(name[:_MAX_NAME])
        if name_says in {"logout", "destructive"} and value.lower() not in FALSE_VALUES:
            return name_says
        if not value or value.isdigit() or name_says == "nothing" or len(value) > MAX_SEGMENT:
            continue
        said = (
            {_segment_says(part) for part in re.split("[/:]", value)} if not value.isalnum() else {_segment_says(value)}
        )
        if "logout" in said or (name_says == "action" and "logout alone" in said):
            return "logout"
        if name_says == "action":
            verbs = tokens(value)
            if len(verbs) <= 3 and not _VERBS.isdisjoint(verbs[:1] + verbs[-1:]):
                return "destructive"
            if _orders(verbs) and "".join(tokens(name)) not in SHOWING_NAMES:
                return "destructive"
    return CHANGES if query_changes(query) else ""


def _parts(url: str) -> tuple[str, str]:
    """Path and query."""
    address, _, query = url.partition("#")[0].partition("?")
    start = address.find("/", address.find("://") + 3)
    return (address[start:] if start > 0 else ""), query


def _url_says(url: str) -> str:
    """ "logout (path)", "destructive (query)" and so on; "" where the address says nothing."""
    path, query = _parts(url)
    if path and (said := _path_says(path, query)):
        return f"{said} (path)"
    if query and (said := _query_says(query)):
        return f"{said} (query)"
    return ""


_remembered: Final = lru_cache(maxsize=8_192)(_url_says)  # pages that are fetched together lead to the same pages


@lru_cache(maxsize=8_192)
def _text_says(text: str) -> str:
    words = tokens(text)
    if not words or len(words) > _MAX_TEXT_WORDS or not may_mean_something(words):
        return ""
    whole = "".join(words)
    if _says_logout(words, at_edge=True) or whole in LOGOUT_ALONE:
        return "logout"
    if whole in DESTRUCTIVE or (words[0] in DESTRUCTIVE and len(words) > 1 and OBJECTS.issuperset(words[1:])):
        return "destructive"
    return _MAY_CHANGE


def _is_called(url: str, text: str) -> bool:
    """Whether the text of a link is the name that its address ends with: a tag "exit" is no way out."""
    path, query = _parts(url)
    segments = [unquote(segment) for segment in path.split("/") if segment]
    return len(segments) > 1 and is_name(segments, query) and tokens(segments[-1]) == tokens(text)


def _says_logout_somewhere(address: str, text: str) -> bool:
    """With rel=nofollow on the link, the site itself asks crawlers to stay away: any mention is enough."""
    words = tokens(unquote(address)[-256:]) + tokens(text[:256])
    return may_mean_something(words) and (_says_logout(words) or any(word in LOGOUT_MENTIONED for word in words))


def allowing(patterns: Iterable[str]) -> Callable[[str], bool] | None:
    """Whether one of some regular expressions, those of the setting `guard_allow`, is found in a URL; None for none.

    Raises:
        SettingsError: One of them is none.
    """
    compiled = []
    for pattern in patterns:
        try:
            compiled.append(re.compile(pattern))
        except re.error as error:
            raise SettingsError(f"setting guard_allow: {pattern!r} is no regular expression: {error}") from None
    return (lambda url: any(pattern.search(url) for pattern in compiled)) if compiled else None


class LogoutGuard:
    """Refuses links by their words and by what was learned in this crawl. Safe from any thread."""

    def __init__(self, *, allow: Iterable[str] = (), refuse: Iterable[str] = (), begins_at: Iterable[str] = ()) -> None:
        """Make a guard that has learned nothing.

        Args:
            allow: Regular expressions; a URL in which one is found is never refused by its words, nor by those of a
                link to it.
            refuse: Regular expressions; a URL in which one is found is always refused.
            begins_at: URLs that the spider names: a person wants these pages read, even ``/wp-admin/edit.php``, and
                their other portions (``?paged=2``). Whatever else is asked of them is refused as everywhere.
        """
        self._allows = allowing(allow)
        self._refuse = [re.compile(pattern) for pattern in refuse]
        self._named = begins_at
        self.learned = LearnedBans()

    def refuses(self, url: str, link_text: str = "", rel: str = "") -> str | None:
        """Why a link may not be followed, or None.

        Args:
            url: Absolute.
            link_text: Text, title or alternative text of the link; "" when the URL is from elsewhere (a redirect,
                a sitemap).
            rel: The rel attribute, with `SENT_BY_SCRIPT` where that holds.
        Returns:
            The rule and where it was met: ``logout (path)``, ``destructive (link text)``,
            ``changes something (query)``, ``sent by a script (link)``, ``learned``, ``confirmed`` (learned, and a
            person said yes), ``setting``.
        """
        if self.learned and (rule := self.learned.rule(url)):
            return rule
        if self._refuse and any(pattern.search(url) for pattern in self._refuse):
            return "setting"
        if self._allows is not None and self._allows(url):
            return None
        said = (_remembered if len(url) <= _MAX_REMEMBERED else _url_says)(url)
        if said and not self._is_begun_at(url, said):
            return said
        if rel and says_by_script((link_text, rel)):  # what its text says, a GET does not do
            return BY_SCRIPT_ALONE.removeprefix("guard: ")
        if link_text and (said := _text_says(link_text[:256].strip())) and not _is_called(url, link_text):
            if said != _MAY_CHANGE:
                return f"{said} (link text)"
            if text_changes(link_text[:256], _parts(url)[1]):
                return f"{CHANGES} (link text)"
        if rel and "nofollow" in rel.lower().split():
            path, query = _parts(url)
            if _says_logout_somewhere(f"{path} {query}", link_text):
                return "logout (nofollow)"
        return None

    def _is_begun_at(self, url: str, said: str) -> bool:
        """Whether *url*, which *said* is about, is a page that the spider names, or a portion of one."""
        if not said.startswith(FOLLOWED_WHERE_NAMED) or not self._begins_at:
            return False
        key = canonical(url)
        if key in self._begins_at:
            return True
        query = _parts(url)[1]
        is_portion = _page(key) in self._begins_at.values() and not NUMBER_ARGUMENT.search(query)
        return is_portion and not _query_says(query)

    @cached_property
    def _begins_at(self) -> dict[str, str]:
        """Pages that the spider names and whose words would be refused: key to address without query."""
        found = {}
        for url in self._named:
            with suppress(InvalidURL):  # reported where it is requested
                if _url_says(url):
                    found[canonical(url)] = _page(canonical(url))
        return found


def _page(url: str) -> str:
    """An address without its query, and without a slash at its end."""
    return url.partition("#")[0].partition("?")[0].rstrip("/")
