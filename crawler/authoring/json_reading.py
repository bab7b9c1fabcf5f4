"""How an answer in JSON is read by a new spider: its list of objects, and how the next portion is asked for. Pure."""

from __future__ import annotations

import json
from typing import Any, Final

from crawler.authoring.asking import is_query, is_search
from crawler.authoring.connections import Connection, find_connection, next_portion, variable_after
from crawler.authoring.counted_pages import CountedPages, find_counted
from crawler.authoring.next_in_json import NextInJson, find_next_in_json
from crawler.authoring.parse_method import IMPORTS_W3LIB, ParseMethod, arguments_of, same_headers
from crawler.authoring.repeating import find_json_list, quoted
from crawler.response import Response

_FROM_W3LIB: Final = ("add_or_replace_parameter", "url_query_parameter")
_PAGES_OF_A_LIST: Final = frozenset(("next", "prev", "previous", "first", "last"))  # what a link is to a page of it


def reading_of_json(response: Response) -> ParseMethod:
    """How an answer in JSON is read: the list in it, and what comes next."""
    try:
        data = response.json()
    except ValueError:
        return ParseMethod(['yield {"url": response.url, "body": response.text}'], ["JSON that cannot be read"], True)
    if (query := _query_sent(response)) is not None and (connection := find_connection(data)) is not None:
        return _reading_of_connection(connection, query, response)
    found, following = find_json_list(data), find_next_in_json(data)
    reading = ParseMethod(["data = response.json()"], is_guess=found is None)
    if found is None:
        reading.lines.append('yield {"url": response.url, "data": data}')
        reading.found.append("JSON without a list of objects: each answer is one item")
    else:
        reading.lines.append(f"yield from {found[0]}")
        reading.found.append(f"{len(found[1])} objects in {found[0]} with {', '.join(list(found[1][0])[:8])}")
    if (following is None or following.empty) and _has_links_in_its_head(response):
        reading.lines += _follow_link_header(response)
        reading.found.append("next page: by the Link header of the answer (rel=next)")
        return reading
    counted = _counted(data, found, response)
    if counted is not None and (following is None or (following.empty and counted.is_more)):
        following = counted.following or following
        _tell_counts(reading, counted, following)
    if following is not None:
        _add_next_portion(reading, following, response)
    return reading


def _reading_of_connection(found: Connection, query: str, response: Response) -> ParseMethod:
    """How an answer of GraphQL is read that comes in portions."""
    names = ", ".join(list(found.listed[0])[:8])
    reading = ParseMethod(["data = response.json()", f"yield from {found.rows}"])
    reading.found.append(f"{len(found.listed)} objects in {found.rows} with {names}")
    variable = variable_after(query)
    if variable:
        lines = next_portion(found, variable, same_headers(response))
        reading.lines = ["import json", "", *reading.lines, *lines]
        reading.found.append(f"next portion: pageInfo, by the variable {quoted(variable)} of the query")
    elif found.is_more:
        reading.lines += [
            "# TODO: pageInfo says that there is more, and the query has no variable for it (after: $after):",
            "# only the first portion is read so far",
        ]
        reading.found.append(
            "pageInfo says that there is more, and the query has no variable for it (`after: $after`): only the first"
            " portion is read; a TODO in parse says where"
        )
    return reading


def _query_sent(response: Response) -> str | None:
    """The query of GraphQL that an answer is for; None where it was something else."""
    body = _json_sent(response)
    return body["query"] if is_query(body) else None


def _json_sent(response: Response) -> Any:
    """The JSON with which a page was asked for by POST; None for other bodies."""
    asked = response.asked
    if asked is None or asked.method != "POST":
        return None
    try:
        return json.loads(asked.body or b"")
    except ValueError:
        return None


def _tell_counts(reading: ParseMethod, counted: CountedPages, following: NextInJson | None) -> None:
    told = f"the answer counts {counted.said}"
    if following is None:
        reading.lines += [
            f"# TODO: {told}, and nothing says how the next page is asked for:",
            "# only this one is read so far",
        ]
        told += ", and how the next page is asked for was not seen: only this one is read, see the TODO in parse"
    elif counted.is_guess:
        told += f"; that {quoted(following.argument)} asks for the next one is a guess: look at the items"
    reading.found.append(told)


def _add_next_portion(reading: ParseMethod, following: NextInJson, response: Response) -> None:
    """Add the lines that ask for the next portion, and what is told of them."""
    on_this_page = f", {following.empty} on this page" if following.empty else ""
    told = f"next portion: {following.value}{on_this_page}"
    if not following.argument:
        reading.lines += _follow_in_json(following, response)
    elif not _is_sent_with_a_body(response):
        names = ", ".join(name for name in _FROM_W3LIB if name == _FROM_W3LIB[0] or name in following.value)
        asking = _follow_in_json(following, response)
        reading.guessed = asking if following.argument not in arguments_of(response.url) else []
        reading.lines = [f"{IMPORTS_W3LIB}{names}", "", *reading.lines, *asking]
    elif (body := _search_in_json(response)) is not None:
        reading.lines = ["import json", "", *reading.lines, *_ask_again(following, response, body)]
        told = f"next portion: {following.value}, as {quoted(following.argument)} of the body{on_this_page}"
    else:
        reading.lines += [
            f"# TODO: {following.value} says what comes next, and is sent in the body: only the first",
            "# portion is read so far",
        ]
        told += ", which is sent in the body: only the first portion is read; a TODO in parse says where"
    reading.found.append(told)


def _follow_in_json(following: NextInJson, response: Response) -> list[str]:
    """The lines that ask for the next portion. What could not be seen is said to be a guess."""
    value, argument, headers = following.value, following.argument, same_headers(response)
    guesses = [f"{following.empty} on this page"] if following.empty else []
    if argument and argument not in arguments_of(response.url):
        guesses.append(f"the argument {quoted(argument)} is guessed from its name")
    elif following.empty and not argument:
        guesses.append("it is taken for an address")
    remark = f"  # {'; '.join(guesses)}" if guesses else ""
    if not argument:
        return [f"if {value}:{remark}", f"    yield response.follow({value}{headers})"]
    return [
        f"if {following.condition or value}:{remark}",
        f"    url = add_or_replace_parameter(response.url, {quoted(argument)}, str({value}))",
        f"    yield response.follow(url{headers})",
    ]


def _counted(data: Any, found: tuple[str, list[Any]] | None, response: Response) -> CountedPages | None:
    if found is None:
        return None
    in_body = _is_sent_with_a_body(response)
    asked = (_search_in_json(response) or {}) if in_body else arguments_of(response.url)
    return find_counted(
        data, asked, found[0], len(found[1]), by_address=not in_body, headers=response.headers if not in_body else {}
    )


def _has_links_in_its_head(response: Response) -> bool:
    """Whether the Link header of an answer leads to other pages of its list; the last page has no next one."""
    return not _is_sent_with_a_body(response) and not _PAGES_OF_A_LIST.isdisjoint(response.links)


def _follow_link_header(response: Response) -> list[str]:
    return [
        'if "next" in response.links:',
        f'    yield response.follow(response.links["next"]["url"]{same_headers(response)})',
    ]


def _search_in_json(response: Response) -> dict[str, Any] | None:
    """The body of a POST that only searches, if it is an object in JSON: the next portion is such a search, too."""
    body = _json_sent(response) if is_search(response.url) else None
    return body if isinstance(body, dict) else None


def _ask_again(following: NextInJson, response: Response, body: dict[str, Any]) -> list[str]:
    """The lines that send the same search again, with what says where the next portion begins."""
    guesses = [f"{following.empty} on this page"] if following.empty else []
    if following.argument not in body:
        guesses.append(f"the field {quoted(following.argument)} of the body is guessed from its name")
    remark = f"  # {'; '.join(guesses)}" if guesses else ""
    headers = same_headers(response)
    return [
        f"if {following.condition or following.value}:{remark}",
        f"    body = {{**json.loads(response.asked.body), {quoted(following.argument)}: {following.value}}}",
        f"    yield response.follow(response.url, json=body{headers})",
    ]


def _is_sent_with_a_body(response: Response) -> bool:
    """Whether the page was asked for with a body: a number or a cursor then goes there."""
    return response.asked is not None and (response.asked.body is not None or response.asked.method != "GET")
