"""What the answer of a probe says, beyond the signs on its page: plain values, no I/O.

A refusal proves nothing in either direction: a member may lack a right, and so does a guest. But a probe page that was
fine before and is refused now, or leads somewhere else, says that the session is gone.
"""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import urlsplit


@dataclass(frozen=True, slots=True)
class Probed:
    """What a probe has shown.

    Attributes:
        reason: Why we are taken to be logged out, or None.
        nothing: It answered so that nothing is proved: in a few words, or "".
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
