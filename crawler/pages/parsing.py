"""Pages into selectors: the one place where parsel and lxml meet a response. Pure."""

from __future__ import annotations

import threading
from collections.abc import Iterable
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from lxml import etree, html

from crawler.errors import BadAnswer, SpiderError
from crawler.late_pattern import late_pattern
from crawler.link_text import SENT_BY_SCRIPT, about_link
from crawler.pages.page_limits import SMALL_BYTES, check_json, check_markup, trees

if TYPE_CHECKING:
    from parsel import Selector, SelectorList

    from crawler.pages.page import Page

_TREE_CUT = "tree cut: nested more than 2,048 levels deep; what is below was not read"


Element = etree._Element  #: of a parsed page
_here = threading.local()
_UNSETTABLE = late_pattern("[^\t\n\r -\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")  # that no text of XML holds


def _parser() -> etree.HTMLParser:
    """The HTML parser of this thread: parsers let one thread in at a time."""
    parser: etree.HTMLParser | None = getattr(_here, "parser", None)
    if parser is None:
        parser = _here.parser = etree.HTMLParser(recover=True, encoding="utf-8", huge_tree=True)
        # the classes of lxml.html, found without calling Python for each element
        plain = etree.ElementDefaultClassLookup(
            element=html.HtmlElement,
            comment=html.HtmlComment,
            pi=html.HtmlProcessingInstruction,
            entity=html.HtmlEntity,
        )
        by_name = etree.ElementNamespaceClassLookup(plain)
        by_name.get_namespace(None).update(html.HtmlElementClassLookup._default_element_classes)
        parser.set_element_class_lookup(by_name)
    return parser


def parse(response: Page) -> tuple[Selector, str]:
    """A parsel Selector over a page, and a warning ("" for none).

    JSON and XML by their Content-Type, everything else as HTML.

    Raises:
        BadAnswer: Parsing it would cost too much (`pages.page_limits`). Nothing else on a page raises.
    """
    from crawler.pages.selectors import PageSelector

    kind = response.content_type
    if kind.endswith("json"):
        return _json(response), ""
    if is_xml(kind):
        return _xml(response)
    if response.is_plain_utf8:
        body = response.body.strip()
        response.reads_as_utf8()
    else:
        body = response.text_bytes()
    if len(body) > SMALL_BYTES:
        check_markup(body, response.url)
        trees.take(body, response)
    root, cut = _tree_of(body, response.url)
    return PageSelector.over(root), _TREE_CUT if cut else ""


def tree_of(text: str) -> Any:
    """Root of the tree that `parse` makes of the same text."""
    return _tree_of(text.strip().replace("\x00", "").encode("utf-8", "replace"), "")[0]


def _tree_of(body: bytes, url: str) -> tuple[Any, bool]:
    """The tree of a page, and whether it was cut off in its depth."""
    parser = _parser()
    try:
        root = etree.fromstring(body or b"<html/>", parser=parser, base_url=url)
    except etree.XMLSyntaxError:
        root = None
    if root is None:
        root = etree.fromstring(b"<html/>", parser=html.HTMLParser(), base_url=url)
    log = parser.error_log
    cut = bool(log) and any(entry.type == etree.ErrorTypes.ERR_RESOURCE_LIMIT for entry in log)
    last = root[-1] if len(root) else root
    if root.getnext() is not None or (last.tag != "body" or (last.tail or " ").strip()):
        _gather(root)
    return root, cut


def _json(response: Page) -> Selector:
    from parsel import Selector  # heavy: a program that parses nothing never loads it

    text = response.text
    if len(text) > SMALL_BYTES:
        check_json(text, response.url)
    try:
        return Selector(text=text, type="json")
    except RecursionError:
        raise BadAnswer(response.url, "the page is too complex: its JSON is nested too deep to be read") from None


def _xml(response: Page) -> tuple[Selector, str]:
    """As parsel reads XML, and what was wrong with it."""
    from crawler.pages.xml_selectors import XmlSelector

    body = response.text_bytes()
    if len(body) > SMALL_BYTES:
        check_markup(body, response.url)
        trees.take(body, response)
    parser = etree.XMLParser(recover=True, encoding="utf8", resolve_entities=False, huge_tree=True)
    root = etree.fromstring(body or b"<html/>", parser=parser, base_url=response.url)
    log = parser.error_log
    if root is None:
        root = etree.fromstring(b"<html/>", parser=parser, base_url=response.url)
    warning = ""
    for entry in log:
        if entry.type == etree.ErrorTypes.ERR_RESOURCE_LIMIT:
            warning = _TREE_CUT
            break
        if entry.level == etree.ErrorLevels.FATAL:
            warning = warning or f"broken XML: {entry.message[:200]}; what follows may be missing"
    return XmlSelector.over(root, response.warnings), warning


def _gather(root: Any) -> None:
    """Put what stands after ``</body>`` and ``</html>`` into the body, where browsers have it.

    libxml2 makes of it another ``html`` element beside the first, which queries from the first do not see.
    """
    body = root.find("body")
    if body is None:
        if root.getnext() is None:
            return
        body = root if root.find("frameset") is not None else etree.SubElement(root, "body")
    ends = _Ends(body)
    if body is not root:
        ends.text(body.tail)
        body.tail = None
        for child in list(body.itersiblings()):
            ends.take(child)
    aside = etree.Element("aside")
    for other in list(root.itersiblings()):
        aside.append(other)  # out of the document
        if other.tag != "html":
            continue
        _add_attributes(root, other)
        ends.text(other.text)
        for child in list(other):
            if child.tag not in ("head", "body"):
                ends.take(child)
                continue
            if child.tag == "body":
                _add_attributes(body, child)
            ends.text(child.text)
            for inner in list(child):
                ends.take(inner)
            ends.text(child.tail)
    ends.close()


def _add_attributes(element: Any, more: Any) -> None:
    for name, value in more.attrib.items():
        with suppress(ValueError):  # a name that lxml reads, and does not take
            if name not in element.attrib:
                element.set(name, _settable(value))


def _settable(text: str) -> str:
    """*text* as lxml takes it: it reads control characters from a page, and refuses to be given them."""
    return _UNSETTABLE.sub("\ufffd", text)


class _Ends:
    """Adds to the end of an element; pieces of text are joined once."""

    def __init__(self, element: Any) -> None:
        self._element, self._pieces = element, [""]

    def text(self, text: str | None) -> None:
        if text:
            self._pieces.append(text)

    def take(self, child: Any) -> None:
        self.close()
        self._element.append(child)

    def close(self) -> None:
        text = _settable("".join(self._pieces))
        self._pieces = [""]
        if not text:
            return
        last = next(self._element.iterchildren(reversed=True), None)
        if last is not None:
            last.tail = _settable(last.tail or "") + text
        else:
            self._element.text = _settable(self._element.text or "") + text


def base_of(selector: Selector) -> str:
    """The href of the first base element that has one, "" for none."""
    root = selector.root
    if not isinstance(root, Element):
        return ""
    return next((href for each in root.iter("base") if (href := each.get("href")) is not None), "")


def is_xml(content_type: str) -> bool:
    """Whether it is XML that is no web page, by its Content-Type (lower case, without parameters)."""
    return content_type.endswith("xml") and content_type != "application/xhtml+xml"


def is_json(content_type: str) -> bool:
    """Whether it is JSON by its Content-Type (lower case, without parameters): ``application/problem+json`` ..."""
    return content_type.endswith(("json", "jsonlines", "jsonl"))


class StandIn:
    """Stands for the elements of a page that has none: every query finds nothing, or one that holds nothing."""

    def __init__(self, *, finds: bool) -> None:
        self._finds = finds

    def css(self, query: str, **_: Any) -> SelectorList[Selector]:
        from parsel import SelectorList

        from crawler.pages.selectors import PageSelector

        root = etree.fromstring(b"<html/>", parser=html.HTMLParser())
        return SelectorList([PageSelector.over(root)] if self._finds else [])

    xpath = css


def raw_results(selector: Selector, css: str) -> Iterable[Any]:
    """What a CSS query finds: elements and texts as lxml has them where that is quicker, else selectors."""
    quickly = getattr(selector, "found", None)
    found = quickly(css) if quickly is not None else None
    return selector.css(css) if found is None else found


def link_target(link: Any) -> tuple[str, Any]:
    """Where a link leads, as it is written, and what `about_link` takes, or the text and rel themselves.

    Raises:
        SpiderError: Neither a text, an element, a Selector of one, nor a `Link`.
    """
    if isinstance(link, Element):
        return link.get("href") or link.get("src") or "", link
    root = getattr(link, "root", link)  # of a Selector
    if isinstance(root, Element):
        return root.get("href") or root.get("src") or "", root
    if isinstance(root, str):
        return root, None
    url = getattr(link, "url", None)
    if isinstance(url, str):
        return url, (str(getattr(link, "text", "")), _rel_of(link))
    raise SpiderError(f"not a link: {link!r}")


def _rel_of(link: Any) -> str:
    """Of a `Link`."""
    words = ["nofollow" if getattr(link, "nofollow", False) else ""]
    words.append(SENT_BY_SCRIPT if getattr(link, "by_script", False) else "")
    return " ".join(filter(None, words))


def link_parts(link: Any) -> tuple[str, str, str]:
    """href, text and rel of a link that is a text, an element, a Selector or a `Link`."""
    href, about = link_target(link)
    text, rel = about if isinstance(about, tuple) else about_link(about) if about is not None else ("", "")
    return href.strip(), text, rel


def inside_of(elements: Iterable[Any]) -> str:
    """Name of the first of these elements in which there is a link, "" where there is none.

    Args:
        elements: As lxml has them, or whatever else `link_target` returns.
    """
    for each in elements:
        if (
            isinstance(each, Element)
            and next((a for a in each.iter("a") if a is not each and a.get("href")), None) is not None
        ):
            return str(each.tag)
    return ""
