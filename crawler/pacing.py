"""What all that treat a host politely agree upon: its delay between processes, and what has been learned of it."""

from __future__ import annotations

from dataclasses import dataclass

ASKED_EACH_S = 15.0  #: between two requests, of all processes, that ask whether a host is back


@dataclass(frozen=True, slots=True)
class HostWord:
    """What answers have taught one process of a host, for all.

    Attributes:
        at: When it was written, seconds since 1970 by the store's clock; 0 for a word that was not.
        paused_until: It is left alone until then, seconds since 1970.
        crawl_delay_s: Delay that its robots.txt asks for.
        slowed_s: Delay since it said that we are too fast.
        openings: How often in a row its circuit was opened; above 0, one request at a time asks whether it is back.
        given_up: The error with which it was given up in this run, "" while it was not.
    """

    at: float = 0.0
    paused_until: float = 0.0
    crawl_delay_s: float = 0.0
    slowed_s: float = 0.0
    openings: int = 0
    given_up: str = ""

    @property
    def is_good(self) -> bool:
        """Whether nothing is the matter with it."""
        return not (self.slowed_s or self.openings or self.given_up)


def slack_s(delay_s: float) -> float:
    """How late a request may be sent after its reserved time; reservations lie so much further apart.

    So the delay holds between requests of processes that know nothing of each other's lateness. A busy machine wakes
    threads late by milliseconds: with less than 10 of them each turn of a short delay would be missed.

    Args:
        delay_s: Seconds between two requests to a host; 0 where none is kept.
    Returns:
        Seconds, at most 0.05; 0 without a delay.
    """
    return min(0.05, max(0.01, 0.25 * delay_s)) if delay_s else 0.0
