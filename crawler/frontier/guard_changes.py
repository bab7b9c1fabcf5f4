"""Links that change something when they are fetched: take a ticket, vote, toggle, subscribe, submit a form.

Each rule wants two things at once, because the words are ordinary ones: the verb, and a sign that it is an order. That
is the number of a thing, an action argument, or an argument that only forms send. Pure; asked by `frontier.guard` for
the few links that have a word of `guard_change_words`.
"""

from __future__ import annotations

import re
from typing import Final

from crawler.frontier.guard_change_words import (
    ACTIONS,
    ASKED_BY_QUERY,
    BEHIND,
    COLLECTIONS,
    CREATE,
    MEDIA,
    MODES,
    NAMES_OF_ORDERS,
    OF_FORUMS,
    ORDERED,
    PEOPLE,
    PHRASES,
    PURE,
    SHOWING,
    SHOWS,
    STATES,
    SUBMITS,
    THINGS,
    VERBS,
    WITH_ARCHIVES,
)
from crawler.frontier.guard_shapes import (
    MAX_SEGMENT,
    NUMBER,
    NUMBER_ARGUMENT,
    SCRIPT,
    STATIC,
    arguments,
    is_name,
    is_of_programmer,
)
from crawler.frontier.guard_words import FALSE_VALUES, TELLING, tokens
from crawler.late_pattern import late_pattern

_MOST_WORDS: Final = 5
_MOST_LETTERS: Final = 64  # of a name or a value that is looked at
#: Which part of a list is shown, and how; all else beside an order says what it is done to.
_CHOOSING: Final = late_pattern(
    r"(?:page|paged|p|lang|locale|sort|order|orderby|dir|q|query|search|ref|tab|view|start|offset|limit|skip|size|format"
    r"|year|month|day|date|sid|phpsessid|jsessionid|filter|utm_[a-z]+)\Z",
    re.I,
)
_THING: Final = late_pattern(
    r"(?:[^&;]*[&;])*(?:id|tid|pid|bug_?id|ticket|ticket_?id|issue_?id|item_?id|task_?id|post_?id|order_?id|topic_?id"
    r"|comment_?id|thread_?id|msg_?id|message_?id)=[^&;]*\d",
    re.I,
)
#: Arguments with a state that is to be, or a token that a form or a button has once.
_STATE: Final = late_pattern(
    r"(?:status|state|resolution|owner|assignee|assigned\w*|submit\w*|save|confirm|\w*(?:token|nonce|csrf|xsrf)\w*"
    r"|hash|sig|sesskey|form_?key)\Z",
    re.I,
)
_SEARCHING: Final = late_pattern(r"search|find|filter|show|go\b|view|list|sort|query|preview|suche|buscar|cherch", re.I)
_NEW_LINK: Final = late_pattern(r"(?:[^&;]*[&;])*(?:[a-z]\w*-new|new-[a-z]\w*)=[^&;]", re.I)  # RefersTo-new=17


def path_changes(segments: list[str], query: str) -> bool:
    """Whether a path is an order: `/tickets/17/take`, `/toggle/bookmark`, `/add-to-cart`.

    Args:
        segments: Unescaped, without empty ones.
    """
    telling = False
    for at, segment in enumerate(segments):
        name = segment.partition(";")[0]
        if len(name) > MAX_SEGMENT or name.isdigit() or STATIC.search(name):
            continue
        words = tokens(SCRIPT.sub("", name))
        telling = telling or "".join(words) in TELLING
        if 0 < len(words) <= _MOST_WORDS and _segment_changes(segments, at, words, query, telling):
            return True
    return False


def _segment_changes(segments: list[str], at: int, words: list[str], query: str, telling: bool) -> bool:
    verb, whole, is_last = words[0], "".join(words), at == len(segments) - 1
    if verb not in _BEGINNINGS and words[-1] not in VERBS:
        return False
    before = segments[at - 1] if at else ""
    after = "" if is_last else segments[at + 1]
    is_behind = bool(before and NUMBER.match(before))
    is_asked = is_last and bool(NUMBER_ARGUMENT.search(query))
    is_numbered = is_behind or is_asked or bool(after and NUMBER.match(after))
    if not is_numbered:
        of_people = "".join(tokens(before)) in PEOPLE and not is_of_programmer(segments[at])
        if telling or (is_last and at and (is_name(segments, query) or of_people)):
            return False
    if whole in PHRASES:
        return is_last or is_numbered
    if len(words) == 1:
        if verb == CREATE:
            return is_last and _NEW_LINK.match(query) is not None
        return _verb_changes(segments, at, verb, query)
    if words[-1] in SHOWING or "password" in words:
        return False
    if verb in VERBS or (verb in {"set", "mark"} and words[-1] in STATES):
        return (is_numbered or (verb == "toggle" and is_last and _acts(query))) and THINGS.issuperset(words[1:])
    is_order = words[-1] in PURE or words[-1] in ASKED_BY_QUERY
    return is_numbered and is_order and is_of_programmer(segments[at]) and THINGS.issuperset(words[:-1])


def _verb_changes(segments: list[str], at: int, verb: str, query: str) -> bool:
    """Whether a segment that is nothing but a verb is an order."""
    if verb not in VERBS:
        return False
    is_last = at == len(segments) - 1
    before = segments[at - 1] if at else ""
    behind = [segment.lower() for segment in segments[at + 1 : at + 3]]
    place = "".join(tokens(segments[at - 2])) if at > 1 else ""
    if before and NUMBER.match(before) and (is_last or (verb in PURE or (verb == "vote" and behind[0] in _WAYS))):
        return not (verb == "watch" and place in MEDIA) and not (verb == "archive" and place in WITH_ARCHIVES)
    if is_last and (verb in PURE or verb in ASKED_BY_QUERY or (SCRIPT.search(segments[at]) and verb in _BY_SCRIPT)):
        if NUMBER_ARGUMENT.search(query):
            return True
        if verb[:2] == "un" and _acts(query):
            return True
    if behind and ((verb in PURE and NUMBER.match(behind[0])) or (verb == "toggle" and behind[0] in THINGS)):
        return True
    if verb == "vote" and len(behind) > 1 and not _WAYS.isdisjoint(behind) and any(map(NUMBER.match, behind)):
        return True
    is_named = is_last and place in COLLECTIONS and not before.isdigit() and not SHOWING.issuperset(tokens(before))
    return is_named and verb not in {"watch", "archive", "claim", "block", "flag"}


def query_changes(query: str) -> bool:
    """Whether a query is an order: `?Action=Take`, `?add-to-cart=17`, `?id=4&Status=resolved&SubmitTicket=1`."""
    given = [(name, value) for name, value in arguments(query) if value and len(name) <= _MOST_LETTERS]
    is_thing = bool(_THING.match(query))
    submitting = others = 0
    for name, value in given:
        words = tokens(name)
        whole = "".join(words)
        if whole in ACTIONS or whole in MODES:
            about = any(each != name and not _CHOOSING.match(each) for each, _ in given)
            if whole in MODES:
                about = about and bool(NUMBER_ARGUMENT.search(query))
            if len(value) <= _MOST_LETTERS and _value_changes(value, about=about, is_mode=whole in MODES):
                return True
        elif value.lower() in FALSE_VALUES:
            continue
        elif whole in PHRASES or _orders(name.lower(), value):
            return True
        elif is_thing and _submits(words):
            submitting += not (_SEARCHING.search(name) or _SEARCHING.search(value))
        elif not _CHOOSING.match(name) and not _is_number_of(name, value):
            others += 1
    return is_thing and submitting > 0 and others > 0


def _orders(name: str, value: str) -> bool:
    """Whether the name of an argument is a verb, and its value what it is done to: `?like=17`, `?mark=topics`."""
    if name in NAMES_OF_ORDERS:
        return value != "1" and bool(NUMBER.match(value))
    return value.lower() in OF_FORUMS.get(name, ())


def _value_changes(value: str, *, about: bool, is_mode: bool) -> bool:
    """Whether the value of an action argument is an order.

    Args:
        about: Another argument says what it is done to.
        is_mode: The argument may also choose how something is shown.
    """
    words = tokens(value)
    if not words or len(words) > _MOST_WORDS or words[-1] in SHOWING:
        return False
    if "".join(words) in PHRASES:
        return True
    if len(words) == 1:
        return (words[0] in PURE and not is_mode) or (about and (words[0] in VERBS or words[0] in ORDERED))
    first, last = words[0], words[-1]
    if first in VERBS or first in ORDERED:
        if THINGS.issuperset(map(_singular, words[1:])):
            return first in PURE or about or first in {"set", "mark"}
        return about and len(words) <= 3 and is_of_programmer(value) and words[1:] != ["up"]
    return (last in PURE or (about and last in BEHIND)) and THINGS.issuperset(map(_singular, words[:-1]))


def text_changes(text: str, query: str) -> bool:
    """Whether the text of a link is nothing but a verb, and its address sends a state or a token for one thing."""
    words = tokens(text)
    if not 0 < len(words) <= _MOST_WORDS or not _THING.match(query):
        return False
    is_verb = words[0] in VERBS and THINGS.union(("to",)).issuperset(words[1:])
    is_verb = is_verb or words in (["reject"], ["decline"], ["withdraw"], ["suspend"], ["ban"], ["close"])
    if not is_verb and "".join(words) not in PHRASES:
        return False
    sends = False
    for name, value in arguments(query):
        whole = "".join(tokens(name))
        if whole in ACTIONS or whole in MODES:
            if not SHOWS.isdisjoint(tokens(value)):
                return False
            sends = True
        elif tokens(value) == words:
            return False  # a title
        sends = sends or bool(value and _STATE.match(name) and not _SEARCHING.search(value))
    return sends


def _submits(words: list[str]) -> bool:
    """Whether an argument is called as buttons are: `SubmitTicket`, `btn_save`."""
    return not SUBMITS.isdisjoint(words[1:2] if words[:1] in (["btn"], ["button"]) else words[:1])


def _acts(query: str) -> bool:
    """Whether a query says what is acted on, and not only what is shown."""
    return any(value and not _CHOOSING.match(name) for name, value in arguments(query))


def _is_number_of(name: str, value: str) -> bool:
    return bool(NUMBER_ARGUMENT.match(f"{name}={value}")) or value.isdigit()


def _singular(word: str) -> str:
    return word if word in THINGS or word[-1:] != "s" else word[:-1]


_WAYS: Final = frozenset({"up", "down", "yes", "no"})
_BY_SCRIPT: Final = frozenset({"follow", "subscribe", "bookmark", "save", "claim", "ignore"})
#: With which the words of a segment begin that is looked at.
_BEGINNINGS: Final = VERBS | {"set", "mark", "add", "spam", CREATE}
