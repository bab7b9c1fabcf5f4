"""Source of a first spider, from what was found: a login step, start URLs, and how a page is read. Pure."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import field
from textwrap import indent
from typing import Any, Final
from urllib.parse import parse_qsl, urlsplit

from crawler.authoring import next_by_script
from crawler.authoring.asking import is_search
from crawler.authoring.counted_pages import CountedPages, find_counted
from crawler.authoring.login_forms import CODE, PASSWORD, USERNAME, LoginForm
from crawler.authoring.next_in_json import NextInJson, find_next_in_json
from crawler.authoring.next_links import find_next
from crawler.authoring.repeating import ListFound, find_json_list, find_list, quoted
from crawler.authoring.unfollowed_pager import find_unfollowed
from crawler.authoring.xml_lists import find_in_xml
from crawler.quick_dataclass import quick_dataclass
from crawler.response import Response

_WORD: Final = re.compile(r"[A-Za-z0-9]+")
_LONGEST_LINE: Final = 110
_IMPORTS_W3LIB: Final = "from w3lib.url import "
_FROM_W3LIB: Final = ("add_or_replace_parameter", "url_query_parameter")
_PAGES_OF_A_LIST: Final = frozenset(("next", "prev", "previous", "first", "last"))  # what a link is to a page of it
_LEAST_TEXT: Final = 100  #: in characters: "Loading ...", a name and a notice together have fewer


@quick_dataclass(frozen=False)
class ParseMethod:
    """How a page is read.

    Attributes:
        lines: Of the `parse` method.
        found: What was found, in a few words for the user.
        is_guess: Nothing that repeats was found: the lines are only a starting point.
        guessed: Those of the lines that ask for the next page by an argument whose name is a guess.
    """

    lines: list[str]
    found: list[str] = field(default_factory=list)
    is_guess: bool = False
    guessed: list[str] = field(default_factory=list)

    def without_guess(self, why: str) -> list[str]:
        """The lines without those that were guessed, and with what is to be done in place of them.

        Args:
            why: That the guess was wrong, in a sentence without its end.
        """
        kept = [line for line in self.lines if line not in self.guessed and not line.startswith(_IMPORTS_W3LIB)]
        kept = kept[1:] if kept[:1] == [""] else kept
        return [*kept, f"# TODO: {why}:", "# only this page is read so far"]


@quick_dataclass(frozen=False)
class FirstSpider:
    """The spider to be written.

    Attributes:
        about: One sentence for the top of the file.
        requests: Source of the first requests, if plain addresses are not enough.
        login: Lines of the login step; empty for none.
        imports: Names from `crawler` besides Spider.
        sitemaps: Sitemaps to begin with, instead of `start_urls`.
        remarks: Comments below the attributes.
    """

    name: str
    start_urls: Sequence[str]
    reading: ParseMethod
    about: str = ""
    requests: Sequence[str] = field(default=(), repr=False)
    login: Sequence[str] = ()
    imports: Sequence[str] = ()
    sitemaps: Sequence[str] = ()
    remarks: Sequence[str] = ()

    def source(self) -> str:
        """The text of the file."""
        base = "SitemapSpider" if self.sitemaps else "Spider"
        imports = sorted({base, *self.imports})
        lines = [
            f'"""{class_name(self.name)}: {self.about or "describe here what is collected and for whom"}."""',
            "",
            f"from crawler import {', '.join(imports)}",
            "",
            "",
            f"class {class_name(self.name)}({base}):",
            f"    name = {quoted(self.name)}",
        ]
        if self.sitemaps:
            lines += _listed("sitemap_urls", self.sitemaps)
        elif not self.requests:
            lines += _listed("start_urls", self.start_urls)
        else:
            lines += _listed("start_urls", self.start_urls[:1])
        lines += [f"    # {remark}" for remark in self.remarks]
        if self.login:
            lines += ["", "    def login(self, session):", *_body(self.login)]
        if self.requests:
            lines += ["", "    def start(self):", *_body([f"yield {request}" for request in self.requests])]
        lines += ["", "    def parse(self, response):", *_body(self.reading.lines)]
        return "\n".join(lines) + "\n"


def _listed(name: str, urls: Sequence[str]) -> list[str]:
    if len(urls) == 1:
        return [f"    {name} = [{quoted(urls[0])}]"]
    return [f"    {name} = [", *(f"        {quoted(url)}," for url in urls), "    ]"]


def _body(lines: Sequence[str]) -> list[str]:
    return indent("\n".join(lines), " " * 8, lambda line: bool(line.strip())).split("\n")


def class_name(name: str) -> str:
    """The class of the spider *name*: ``MyShop`` for ``my-shop``."""
    made = "".join(word[0].upper() + word[1:] for word in _WORD.findall(name))
    return f"Spider{made}" if made[:1].isdigit() else made


def login_lines(form: LoginForm) -> list[str]:
    """A login step that fills in a form, as a person would, or sets HTTP authentication on the session."""
    if form.scheme:
        pair = f"{_of_account(USERNAME)}, {_of_account(PASSWORD)}"
        if form.scheme == "basic":
            return [f"session.auth = ({pair})"]
        return ["from requests.auth import HTTPDigestAuth", "", f"session.auth = HTTPDigestAuth({pair})"]
    lines = [f"page = session.get({quoted(form.url)})"]
    if form.asks_twice:
        lines += [*_submit(form.fields), f'session.submit(page.form(), {{"password": {_of_account(PASSWORD)}}})']
        lines[1] = f"page = {lines[1]}"
        return lines
    return lines + _submit(form.fields)


def _submit(fields: Any) -> list[str]:
    pairs = [f"{quoted(name)}: {_of_account(part)}" for name, part in fields.items()]
    line = f"session.submit(page.form(), {{{', '.join(pairs)}}})"
    if len(line) < _LONGEST_LINE:
        return [line]
    return ["session.submit(", "    page.form(),", "    {", *(f"        {pair}," for pair in pairs), "    },", ")"]


def _of_account(part: str) -> str:
    """The expression for a part of an account."""
    if part in (USERNAME, PASSWORD):
        return f"session.account.{part}"
    return "session.account.otp()" if part == CODE else f"session.account.get({quoted(part)})"


def reading_of(response: Response) -> ParseMethod:
    """How a page is read: what repeats on it, and the link to the next one."""
    if response.file_type:
        said = f"a file and no page ({response.file_type}): response.file(link) on a page that links to it keeps it"
        return ParseMethod(['yield {"url": response.url, "size_bytes": len(response.body)}'], [said], True)
    if not response.has_elements:
        return _reading_of_json(response)
    if response.selector.type == "xml":
        return _reading_of_xml(response)
    found, following = find_list(response), find_next(response)
    if found is None:
        lines, told = unseen_reading().lines, ["nothing that repeats: each page gives its address and title"]
        if is_made_by_scripts(response):
            told.append(
                "its scripts make this page: as received it has almost no text. `render = True` in the spider shows"
                " it as a browser does (extra `browser`); `crawl fetch URL --render` says which plain requests have the"
                " same data; `crawl new NAME --from-har FILE --replace` takes them from a recording"
            )
            lines = [*lines, "# its scripts make this page: see render = True, or crawl fetch URL --render"]
    else:
        lines = list(_rows(found))
        told = [f"{found.count} x {found.rows} with {', '.join(each.name for each in found.fields)}"]
    if following is not None:
        lines.append(f"yield from response.follow_all({following}{_same_headers(response)})")
        told.append(f"next page: {following}")
    elif next_by_script.is_posted(response):
        lines = [*next_by_script.IMPORTS, *lines, *next_by_script.LINES]
        told.append("next page: its script submits the form of the page (__doPostBack), and so does the spider")
    elif said := find_unfollowed(response, found.count if found is not None else 0):
        lines += [
            f"# TODO: the page says {said}: it has more pages,",
            "# no address leads to them, and none is followed",
        ]
        told.append(
            f"no next page is followed, although the page says {said}: no address leads there. `crawl new NAME"
            " --from-har FILE --replace` takes the requests from a recording of turning the page"
        )
    return ParseMethod(lines, told, found is None)


def _same_headers(response: Response) -> str:
    """An argument for the request of the next page: what its page was asked with decides how it is written, too."""
    headers = (response.asked.headers or {}) if response.asked is not None else {}
    is_special = any(name.lower() != "content-type" for name in headers)
    return ", headers=response.asked.headers" if is_special else ""


def is_made_by_scripts(response: Response) -> bool:
    """Whether a page has scripts and, as received, almost no text of its own."""
    if not response.css("script"):
        return False
    texts = response.xpath("//body//text()[not(ancestor::script or ancestor::style or ancestor::noscript)]").getall()
    return sum(len(" ".join(text.split())) for text in texts) < _LEAST_TEXT


def unseen_reading() -> ParseMethod:
    """How to read a page that was not fetched: a starting point."""
    return ParseMethod(['yield {"url": response.url, "title": response.css("title::text").get()}'], is_guess=True)


def _rows(found: ListFound) -> Iterator[str]:
    yield f"for row in {found.rows}:"
    yield "    yield {"
    for each in found.fields:
        yield f"        {quoted(each.name)}: {each.expression},"
    yield "    }"


def _reading_of_xml(response: Response) -> ParseMethod:
    read = find_in_xml(response)
    if read is None:
        lines = ['yield {"url": response.url, "root": response.xpath("name(/*)").get()}']
        told = ["XML in which nothing repeats: each document gives its address and the name of its root"]
        return ParseMethod(lines, told, True)
    lines = [
        *(
            f"response.selector.register_namespace({quoted(prefix)}, {quoted(space)})"
            for prefix, space in read.spaces.items()
        ),
        *_rows(read.found),
    ]
    told = [f"XML: {read.found.count} x {read.found.rows} with {', '.join(each.name for each in read.found.fields)}"]
    if read.following:
        lines.append(f"yield from response.follow_all(xpath={quoted(read.following)})")
        told.append(f"next page: xpath={quoted(read.following)}")
    return ParseMethod(lines, told)


def _reading_of_json(response: Response) -> ParseMethod:
    try:
        data = response.json()
    except ValueError:
        return ParseMethod(['yield {"url": response.url, "body": response.text}'], ["JSON that cannot be read"], True)
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
        reading.guessed = asking if following.argument not in _arguments(response.url) else []
        reading.lines = [f"{_IMPORTS_W3LIB}{names}", "", *reading.lines, *asking]
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
    value, argument, headers = following.value, following.argument, _same_headers(response)
    guesses = [f"{following.empty} on this page"] if following.empty else []
    if argument and argument not in _arguments(response.url):
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


def _arguments(url: str) -> dict[str, str]:
    return dict(parse_qsl(urlsplit(url).query, keep_blank_values=True))


def _counted(data: Any, found: tuple[str, list[Any]] | None, response: Response) -> CountedPages | None:
    if found is None:
        return None
    in_body = _is_sent_with_a_body(response)
    asked = (_search_in_json(response) or {}) if in_body else _arguments(response.url)
    return find_counted(
        data, asked, found[0], len(found[1]), by_address=not in_body, headers=response.headers if not in_body else {}
    )


def _has_links_in_its_head(response: Response) -> bool:
    """Whether the Link header of an answer leads to other pages of its list; the last page has no next one."""
    return not _is_sent_with_a_body(response) and not _PAGES_OF_A_LIST.isdisjoint(response.links)


def _follow_link_header(response: Response) -> list[str]:
    return [
        'if "next" in response.links:',
        f'    yield response.follow(response.links["next"]["url"]{_same_headers(response)})',
    ]


def _search_in_json(response: Response) -> dict[str, Any] | None:
    """The body of a POST that only searches, if it is an object in JSON: the next portion is such a search, too."""
    asked = response.asked
    if asked is None or asked.method != "POST" or not is_search(response.url):
        return None
    try:
        body = json.loads(asked.body or b"")
    except ValueError:
        return None
    return body if isinstance(body, dict) else None


def _ask_again(following: NextInJson, response: Response, body: dict[str, Any]) -> list[str]:
    """The lines that send the same search again, with what says where the next portion begins."""
    guesses = [f"{following.empty} on this page"] if following.empty else []
    if following.argument not in body:
        guesses.append(f"the field {quoted(following.argument)} of the body is guessed from its name")
    remark = f"  # {'; '.join(guesses)}" if guesses else ""
    headers = _same_headers(response)
    return [
        f"if {following.condition or following.value}:{remark}",
        f"    body = {{**json.loads(response.asked.body), {quoted(following.argument)}: {following.value}}}",
        f"    yield response.follow(response.url, json=body{headers})",
    ]


def _is_sent_with_a_body(response: Response) -> bool:
    """Whether the page was asked for with a body: a number or a cursor then goes there."""
    return response.asked is not None and (response.asked.body is not None or response.asked.method != "GET")
