"""What the answer of a probe says, beyond the signs on its page: plain values, no I/O.

A refusal proves nothing in either direction: a member may lack a right, and so does a guest. But a probe page that was
fine before and is refused now, or leads somewhere else, says that the session is gone.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, Literal
from urllib.parse import urlsplit

from crawler.pages.parsing import is_json
from crawler.quick_dataclass import quick_dataclass

if TYPE_CHECKING:
    from crawler.response import Response

_SHORT: Final = 4_096  # characters: an answer with nothing in it is not longer
_DEEP: Final = 5  # boxes in boxes that are opened


@quick_dataclass
class Probed:
    """What a probe has shown.

    Attributes:
        reason: Why we are taken to be logged out, or None.
        nothing: Its answer proves nothing: why, in a few words, or "".
    """

    reason: str | None = None
    nothing: str = ""


class ProbePage:
    """How the probe page of a session answers. One preparation at a time uses it."""

    def __init__(self) -> None:
        self._good_path: str | None = None

    def judge(self, status: int, url: str, *, fresh: bool) -> Probed:
        """What an answer without any logged-out sign says.

        Args:
            status: 200 to 499, without 429.
            url: Where its redirects ended.
            fresh: Right after a login, which may lead elsewhere than the last one.
        """
        if status >= 400:
            if self._good_path is not None:
                return Probed(f"the probe page, which was good before, answers with status {status}")
            return Probed(nothing=f"the probe page answers with status {status}")
        path = urlsplit(url).path
        if not fresh and self._good_path is not None and path != self._good_path:
            return Probed("the probe page, which was good before, leads to another page")
        self._good_path = path
        return Probed()


def shown_by(response: Response, *, offers_logout: bool = False) -> Literal["nothing", "data", "page", "member"]:
    """What an answer is made of: a page for people (of a "member" where it offers to log out), anything else, or
    nothing at all.
    """
    if response.status_code in (204, 205) or not response.body.strip():
        return "nothing"
    if response.is_html:
        return "member" if offers_logout else "page"
    return "nothing" if holds_data(response) is False else "data"


def holds_data(response: Response) -> bool | None:
    """Whether JSON has something in it; None for what is not JSON.

    It has nothing where it is empty, holds nothing but null, or has lists and all of them are empty, whatever stands
    beside them: ``{"objects": [], "total": 0, "time": "..."}``.
    """
    if not is_json(response.content_type):
        return None
    if len(response.body) > _SHORT:
        return True
    try:
        found = response.json()
    except (ValueError, RecursionError):
        return None
    if not isinstance(found, list | dict):
        return found not in (None, "")
    return _has_something(found, _DEEP)


def _has_something(found: list[Any] | dict[str, Any], deep: int) -> bool:
    if isinstance(found, list) or not deep:
        return bool(found)
    inside = [each for each in found.values() if isinstance(each, list | dict)]
    if inside:
        return any(_has_something(each, deep - 1) for each in inside)
    return any(each is not None for each in found.values())
