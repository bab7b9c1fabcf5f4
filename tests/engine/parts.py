"""What the tests of the engine's parts share: requests, answers, and stand-ins that note what they are told."""

from __future__ import annotations

from typing import Any

from crawler.outcome import Leased, Outcome, Verdict


def leased(number: int = 1, slot: str = "a.test", session: str = "default", **more: Any) -> Leased:
    fields: dict[str, Any] = {
        "callback": "",
        "priority": 0,
        "depth": 0,
        "extras": "",
        "attempt": 0,
        "send_at": 0.0,
        "token": 1,
    }
    return Leased(number, f"http://{slot}/{number}", slot, session, **(fields | more))


def answer(number: int = 1, verdict: Verdict = Verdict.ACCEPT, *, slot: str = "a.test", **more: Any) -> Outcome:
    """A page of the first login of session "default" that does not prove itself."""
    fields: dict[str, Any] = {
        "status": 200,
        "sent_at": 10.0,
        "elapsed_ms": 5.0,
        "session_name": "default",
        "epoch": 1,
        "proven": False,
    }
    if verdict is Verdict.LOGIN:
        fields |= {"login_wanted": 1, "error": "a login form"}
    return Outcome(leased(number, slot, **more.pop("request", {})), verdict, **(fields | more))
