"""What `crawl shell` offers: a page, its session, and functions that fetch another one or show it in a browser."""

from __future__ import annotations

import re
import webbrowser
from collections.abc import Callable
from mimetypes import guess_extension
from pathlib import Path
from typing import Any

from crawler.errors import GuardRefused, UsageError
from crawler.links import LinkExtractor
from crawler.pagework.single_page import Visitor
from crawler.request import Request
from crawler.response import Response

_HEAD = re.compile(rb"<head(?:\s[^<>]*)?>", re.IGNORECASE)


class Prompt:
    """The names available at the prompt. Used by one thread.

    Args:
        visitor: Fetches pages, logged in if the spider logs in.
        folder: For pages to show in a browser; other users cannot read it.
        tell: Shows a line to the user.
        opens: Opens an address in a browser; returns False if there is none.
    """

    def __init__(
        self,
        visitor: Visitor,
        folder: Path,
        tell: Callable[[str], None],
        opens: Callable[[str], bool] = webbrowser.open,
    ) -> None:
        self._visitor, self._folder, self._tell, self._opens = visitor, folder, tell, opens
        self._session: str | None = None
        self.names: dict[str, Any] = {
            "response": None,
            "session": None,
            "spider": visitor.spider,
            "LinkExtractor": LinkExtractor,
            "Request": Request,
            "fetch": self.fetch,
            "view": self.view,
        }

    def use(self, session: str | None) -> None:
        """The session that fetches; None for the spider's first."""
        self._session = session
        self.names["session"] = self._visitor.session(session)

    def fetch(self, what: Any = None, *, session: str | None = None, force: bool = False) -> Response:
        """Fetch a page; `response` is that page from then on.

        Args:
            what: An address, which may be relative to the current page, a link on it, or a `Request`; None for the same
                page again.
            session: The session that fetches it; by default that of the prompt.
            force: Go there even if that may log the session out, or delete something.
        Raises:
            UsageError: There is no page yet that the address could be relative to.
            GuardRefused: The logout guard would not follow a link there.
            FetchError: There is no answer that can be shown.
        """
        before: Response | None = self.names["response"]
        if what is None:
            if before is None:
                raise UsageError("fetch(url): there is no page yet")
            what = before.asked or before.url
        if isinstance(what, Request):
            request = what
        elif before is not None:
            request = before.follow(what)
        else:
            request = Request(what)
        name = session or self._session
        rule = "" if force else self._visitor.refusal(request.url, session=name or request.session)
        if rule:
            raise GuardRefused(request.url, f"{rule}; fetch(url, force=True) goes there anyway")
        self.names["response"] = found = self._visitor.fetch(request, session=name)
        self._tell(repr(found))
        return found

    def view(self, response: Response | None = None) -> Path:
        """Show a page in a browser, as received, with images and styles from the site.

        Returns:
            The file that the browser was given; it is deleted when the prompt ends.
        """
        shown = response if response is not None else self.names["response"]
        if shown is None:
            raise UsageError("view(): there is no page yet")
        ending = ".html" if shown.is_html else ".json" if not shown.has_elements else ".txt"
        if shown.file_type:
            ending = guess_extension(shown.file_type) or ".bin"
        path = self._folder / f"page-{len(list(self._folder.iterdir())) + 1}{ending}"
        path.write_bytes(_with_base(shown) if shown.is_html else shown.body)
        if not self._opens(path.as_uri()):
            self._tell(f"no browser was found; the page is in {path}")
        return path


def _with_base(response: Response) -> bytes:
    """The page, with its address as the base of relative links."""
    body = response.body
    if b"<base" in body.lower():
        return body
    base = f'<base href="{response.url.replace(chr(34), "%22")}">'.encode()
    head = _HEAD.search(body)
    return body[: head.end()] + base + body[head.end() :] if head else base + body
