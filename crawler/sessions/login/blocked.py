"""Why no login may begin now, as an error for a person: by the record that the store keeps of the account."""

from __future__ import annotations

from crawler.errors import LoginBudgetSpent, LoginFailed, NeedsHuman, SessionError, WrongPassword
from crawler.sessions.login import login_errors
from crawler.sessions.session import Session


def blocked(session: Session, kind: str, refused: str, *, before: str, command: str) -> SessionError:
    """The error, and what to do about it.

    Args:
        kind: As in `stores.login_policy.Decision`.
        refused: Why, with the time when it is possible again.
        before: Why the last login failed; "" for nothing.
        command: What logs in all the same.
    """
    because = "" if kind == "refused" else before
    why = f"{refused}; before: {because}" if because else refused
    if kind == "passing":
        return LoginFailed(session.name, why)
    why += login_errors.came_from(session) if kind == "refused" and login_errors.is_of_account(session) else ""
    why = f"{why}; a changed account or spider is tried at once, and `{command}` tries at once, too"
    kinds: dict[str, type[SessionError]] = {"refused": WrongPassword, "human": NeedsHuman}
    return kinds.get(kind, LoginBudgetSpent)(session.name, why)
