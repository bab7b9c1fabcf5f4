"""Pages into selectors: the one place where parsel and lxml meet a response. Pure."""

from __future__ import annotations

import threading
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from lxml import etree, html

from crawler.errors import SpiderError

if TYPE_CHECKING:
    from parsel import Selector

    from crawler.messages import Response

_ENCODING_ERRORS = frozenset({etree.ErrorTypes.ERR_INVALID_CHAR, etree.ErrorTypes.ERR_INVALID_ENCODING})
_TREE_CUT = "tree cut: nested more than 2,048 levels deep; what is below was not read"


Element = etree._Element  #: of a parsed page
_here = threading.local()


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


def parse(response: Response) -> tuple[Selector, str]:
    """A parsel Selector over a page, and a warning ("" for none).

    JSON and XML by their Content-Type, everything else as HTML. Never raises for what is on the page.
    """
    from parsel import Selector  # heavy: a program that parses nothing never loads it

    from crawler.selectors import PageSelector

    kind = response.content_type
    if kind.endswith("json"):
        return Selector(text=response.text, type="json"), ""
    if kind.endswith("xml") and kind != "application/xhtml+xml":
        return Selector(text=response.text, type="xml", base_url=response.url), ""
    body = response.body.replace(b"\x00", b"").strip() if response.is_plain_utf8 else response.text_bytes()
    parser = _parser()
    try:
        root = etree.fromstring(body or b"<html/>", parser=parser, base_url=response.url)
    except etree.XMLSyntaxError:
        root = None
    log = parser.error_log
    cut = len(log) and any(entry.type == etree.ErrorTypes.ERR_RESOURCE_LIMIT for entry in log)
    if len(log) and any(entry.type in _ENCODING_ERRORS for entry in log):  # bytes that are no UTF-8 after all
        return Selector(text=response.text, type="html", base_url=response.url), _TREE_CUT if cut else ""
    if root is None:
        root = etree.fromstring(b"<html/>", parser=html.HTMLParser(), base_url=response.url)
    return PageSelector.over(root), _TREE_CUT if cut else ""


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
        return url, (str(getattr(link, "text", "")), "nofollow" if getattr(link, "nofollow", False) else "")
    raise SpiderError(f"not a link: {link!r}")


def about_link(element: Any) -> tuple[str, str]:
    """Text (its first 100 characters) and rel of an element that was followed."""
    text = element.text or "".join(element.itertext())
    return text[:100].strip(), element.get("rel") or ""


def link_parts(link: Any) -> tuple[str, str, str]:
    """href, text and rel of a link that is a text, an element, a Selector or a `Link`."""
    href, about = link_target(link)
    text, rel = about if isinstance(about, tuple) else about_link(about) if about is not None else ("", "")
    return href.strip(), text, rel
