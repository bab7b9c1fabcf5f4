"""What processes tell one another about a host: its pauses, its delay, its circuit, and that it was given up. Pure.

The row of the host is the word that counts. A process that has learned something else writes it; one that reads a newer
word takes over what has changed in it, as though the answer had been its own. One thing is not believed by a process
that has had good answers from a host: that it gives none. It says so instead, and the others ask again.
"""

from __future__ import annotations

from crawler.frontier.host_slot import HostSlot, Learned, Ready
from crawler.pacing import HostWord

_MORE = 1.01  #: delays that differ by less are the same


def word_of(slot: HostSlot) -> HostWord:
    """What this process has to say about a host."""
    health = slot.health
    return HostWord(0.0, slot.paused_until, slot.crawl_delay_s, health.delay_s, health.openings, slot.error)


def has_news(slot: HostSlot) -> bool:
    """Whether it has learned something that the others do not know; a shrinking delay is news when it has halved."""
    told, health = slot.word, slot.health
    worse = (
        health.openings > told.openings
        or health.delay_s > told.slowed_s * _MORE
        or slot.crawl_delay_s > told.crawl_delay_s * _MORE
    )
    better = (told.openings and not health.openings) or (told.slowed_s and health.delay_s <= told.slowed_s / 2)
    return bool(worse or better or bool(slot.error) != bool(told.given_up))


def adopt(slot: HostSlot, word: HostWord, now: float, *, robots: bool, throttle: bool) -> Learned | None:
    """Take over what another process has learned.

    Args:
        robots, throttle: Whether the settings of this process heed a Crawl-delay, and slow down.
    Returns:
        What follows for those that wait; None for nothing.
    """
    if word.at <= slot.word.at:
        return None
    before, slot.word, health = slot.word, word, slot.health
    paused = word.paused_until > max(slot.paused_until, now)
    slot.paused_until = max(slot.paused_until, word.paused_until)
    if robots:
        slot.crawl_delay_s = max(slot.crawl_delay_s, word.crawl_delay_s)
    if throttle and word.slowed_s != before.slowed_s:
        if word.slowed_s > health.delay_s:
            health.limit, health.slowed_at = max(1.0, health.limit / 2), now  # what is refused together counts once
        health.delay_s = word.slowed_s
    slower = slot.set_delay()
    if word.openings > max(before.openings, health.openings):
        health.openings, health.half_open, health.limit = word.openings, True, 1.0
        health.open_until = max(health.open_until, word.paused_until)
    elif before.openings and not word.openings:
        health.openings = health.faults = 0
        health.half_open = False
    given_up = False
    if before.given_up and not word.given_up:
        slot.error = ""
    elif word.given_up and not (slot.error or (health.heard and not health.faults and health.usual_ms)):
        slot.error, given_up = word.given_up, True
    if not (paused or slower or given_up):
        return None
    unsent: list[Ready] = []
    unsent, slot.ready = slot.ready, unsent
    return Learned(word.paused_until if paused else None, given_up, slower, unsent)
