"""Source of a first spider, from what was found: a login step, start URLs, and how a page is read. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import field
from textwrap import indent
from typing import Any, Final

from crawler.authoring import next_by_script
from crawler.authoring.json_reading import reading_of_json
from crawler.authoring.login_forms import CODE, PASSWORD, USERNAME, LoginForm
from crawler.authoring.next_links import find_next
from crawler.authoring.parse_method import ParseMethod, arguments_of, same_headers
from crawler.authoring.repeating import ListFound, find_list, quoted
from crawler.authoring.unfollowed_pager import find_unfollowed
from crawler.authoring.xml_lists import find_in_xml
from crawler.quick_dataclass import quick_dataclass
from crawler.response import Response

_WORD: Final = re.compile(r"[A-Za-z0-9]+")
_LONGEST_LINE: Final = 110
_LEAST_TEXT: Final = 100  #: in characters: "Loading ...", a name and a notice together have fewer


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
        return reading_of_json(response)
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
        lines.append(f"yield from response.follow_all({following}{same_headers(response)})")
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
    if read.token:
        verb = arguments_of(response.url).get("verb", "ListRecords")
        lines = [
            "from urllib.parse import urlencode",
            "",
            *lines,
            f"for error in response.xpath({quoted(read.error)}):  # a token that is good no more",
            "    said = error.xpath(\"concat(., ' (', @code, ')')\").get()",
            '    raise ValueError(f"{said}: crawl run begins anew")',
            f"token = response.xpath({quoted(read.token)}).get()",
            "if token:",
            f'    yield response.follow("?" + urlencode({{"verb": {quoted(verb)}, "resumptionToken": token}}))',
        ]
        told.append("next portion: by the resumptionToken (OAI-PMH)")
    return ParseMethod(lines, told)
