"""Pages into selectors: the one place where parsel and lxml meet a response. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lxml import etree, html

from crawler.errors import SpiderError

if TYPE_CHECKING:
    from parsel import Selector

    from crawler.messages import Response

_ENCODING_ERRORS = frozenset({etree.ErrorTypes.ERR_INVALID_CHAR, etree.ErrorTypes.ERR_INVALID_ENCODING})
_TREE_CUT = "tree cut: nested more than 2,048 levels deep; what is below was not read"


def parse(response: Response) -> tuple[Selector, str]:
    """A parsel Selector over a page, and a warning ("" for none).

    JSON and XML by their Content-Type, everything else as HTML. Never raises for what is on the page.
    """
    from parsel import Selector  # heavy: a program that parses nothing never loads it

    kind = response.content_type
    if kind.endswith("json"):
        return Selector(text=response.text, type="json"), ""
    if kind.endswith("xml") and kind != "application/xhtml+xml":
        return Selector(text=response.text, type="xml", base_url=response.url), ""
    body = response.body.replace(b"\x00", b"").strip() if response.is_plain_utf8 else response.text_bytes()
    parser = html.HTMLParser(recover=True, encoding="utf-8", huge_tree=True)
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
    return Selector(root=root, type="html", base_url=response.url), _TREE_CUT if cut else ""


def link_parts(link: Any) -> tuple[str, str, str]:
    """href, text and rel of a link that is a text, a Selector or a `Link`."""
    if isinstance(link, str):
        return link.strip(), "", ""
    root = getattr(link, "root", None)
    if isinstance(root, str):  # a selector of an attribute or text
        return root.strip(), "", ""
    if root is not None and hasattr(root, "get"):
        text = root.text or "".join(root.itertext())
        return (root.get("href") or root.get("src") or "").strip(), text[:100].strip(), root.get("rel") or ""
    url = getattr(link, "url", None)
    if isinstance(url, str):
        return url, str(getattr(link, "text", "")), "nofollow" if getattr(link, "nofollow", False) else ""
    raise SpiderError(f"not a link: {link!r}")
