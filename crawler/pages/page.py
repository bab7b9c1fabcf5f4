"""What reading a page needs of an answer: `crawler.response.Response` has it, and so may a test's own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from parsel import Selector as Selector
    from parsel import SelectorList as SelectorList

    from crawler.request import Request


class Page(Protocol):
    """An answer that is read. Used by one thread at a time.

    Attributes:
        url: Where it came from, after redirects.
        history: The answers that led there, first one first.
        warnings: What was odd about it ("tree cut").
    """

    url: str
    history: list[Any]
    warnings: list[str]

    @property
    def asked(self) -> Request | None:
        """What was asked for."""

    @property
    def content_type(self) -> str:
        """Media type in lower case, without parameters."""

    @property
    def body(self) -> bytes:
        """As it was sent, content encoding undone."""

    @property
    def text(self) -> str:
        """The body, decoded."""

    @property
    def charset(self) -> str:
        """What it is decoded with."""

    @property
    def base_url(self) -> str:
        """What links are relative to."""

    @property
    def is_plain_utf8(self) -> bool:
        """Whether its bytes are UTF-8 as they stand."""

    @property
    def selector(self) -> Selector:
        """Its tree."""

    def reads_as_utf8(self) -> None:
        """Take note that it is UTF-8."""

    def text_bytes(self) -> bytes:
        """The text as UTF-8."""

    def css(self, query: str) -> SelectorList[Selector]:
        """What a CSS query finds."""

    def xpath(self, query: str, **variables: Any) -> SelectorList[Selector]:
        """What an XPath finds."""

    def urljoin(self, link: str | None) -> str:
        """A link of it as an absolute URL."""
