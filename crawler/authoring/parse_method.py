"""How a page is read by a new spider: the lines of its `parse`, and what is told of them."""

from __future__ import annotations

from dataclasses import field
from typing import Final
from urllib.parse import parse_qsl, urlsplit

from crawler.quick_dataclass import quick_dataclass
from crawler.response import Response

IMPORTS_W3LIB: Final = "from w3lib.url import "


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
        kept = [line for line in self.lines if line not in self.guessed and not line.startswith(IMPORTS_W3LIB)]
        kept = kept[1:] if kept[:1] == [""] else kept
        return [*kept, f"# TODO: {why}:", "# only this page is read so far"]


def same_headers(response: Response) -> str:
    """An argument for the request of the next page: what its page was asked with decides how it is written, too."""
    headers = (response.asked.headers or {}) if response.asked is not None else {}
    is_special = any(name.lower() != "content-type" for name in headers)
    return ", headers=response.asked.headers" if is_special else ""


def arguments_of(url: str) -> dict[str, str]:
    """The arguments in an address, the last one of each name."""
    return dict(parse_qsl(urlsplit(url).query, keep_blank_values=True))
