"""How long a login will last: from what its cookies say, and from how long earlier ones lived. Pure.

Cookies promise at most; servers end sessions earlier. So experience goes first: the lives of past logins, the short
ones (lower quartile) or, when this login has outlived those, the longer ones. Without experience the first cookie that
ends, or the token, is taken for the end.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final, Literal

from crawler.quick_dataclass import quick_dataclass

Health = Literal["good", "ending", "over", "unknown"]

_ENDING_SHARE: Final = 0.9  # of its expected life
_LEAST_LIFE_S: Final = 1.0  # shorter ones are failed logins


@quick_dataclass
class Forecast:
    """What is expected of a login.

    Attributes:
        expected_end: Seconds since 1970, or None when nothing points to one.
        why: In a few words, for a table.
        health: "good"; "ending" in the last tenth of its expected life; "over" past its expected end; "unknown" when
            nobody logged in or nothing is known of the end.
    """

    expected_end: float | None
    why: str
    health: Health

    def outlived_by(self, run_s: float, *, now: float) -> bool:
        """Whether a run of *run_s* seconds from *now* would still be going when the login is expected to end."""
        return self.expected_end is not None and now + run_s >= self.expected_end


def forecast(
    expiries: Iterable[float | None],
    lives_s: Sequence[float],
    *,
    logged_in_at: float | None,
    now: float,
    token_end: float | None = None,
) -> Forecast:
    """Expect the end of a login.

    Args:
        expiries: When each cookie of the site ends, seconds since 1970; None for cookies of the browser session.
        lives_s: How long past logins lived, in seconds, in any order.
        logged_in_at: When this login was made, seconds since 1970; None when there was none.
        now: Seconds since 1970.
        token_end: When the token of the session ends; None for none, or one that does not say.
    """
    if logged_in_at is None:
        return Forecast(None, "not logged in", "unknown")
    age_s = max(0.0, now - logged_in_at)
    expiring = list(expiries)
    known = [*expiring, *([token_end] if token_end is not None else [])]
    ends = sorted(end for end in known if end is not None)
    if known and None not in known and ends[-1] <= now:
        return Forecast(ends[-1], "all cookies have ended" if expiring else "its token has ended", "over")
    lives = sorted(life for life in lives_s if life >= _LEAST_LIFE_S)
    if lives:
        for share, words in (
            (0.25, "a quarter of past logins lived no longer"),
            (0.5, "half of past logins lived no longer"),
        ):
            life = quantile(lives, share)
            if age_s < life:
                return _at(logged_in_at + life, words, logged_in_at, now)
        if age_s < lives[-1]:
            return _at(logged_in_at + lives[-1], "the longest past login lived so long", logged_in_at, now)
    coming = [end for end in ends if end > now and end - logged_in_at >= (lives[0] if lives else 0.0)]
    if coming:
        first = "its token ends" if coming[0] == token_end else "the first cookie ends"
        words = first + (", and it has outlived all past logins" if lives else "")
        return _at(coming[0], words, logged_in_at, now)
    if lives:
        return Forecast(None, "it has outlived all past logins", "unknown")
    return Forecast(None, "no cookie names an end, and no login has ended yet", "unknown")


def _at(end: float, why: str, logged_in_at: float, now: float) -> Forecast:
    share = (now - logged_in_at) / max(end - logged_in_at, 1e-9)
    return Forecast(end, why, "over" if now >= end else "ending" if share >= _ENDING_SHARE else "good")


def quantile(ordered: Sequence[float], share: float) -> float:
    """The value below which *share* (0 to 1) of the *ordered* values lie, between two of them if need be."""
    place = (len(ordered) - 1) * share
    below = int(place)
    above = min(below + 1, len(ordered) - 1)
    return ordered[below] + (ordered[above] - ordered[below]) * (place - below)
