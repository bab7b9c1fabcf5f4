"""The practice site's control interface: queries and commands for a test in another process, as JSON over HTTP.

It has its own port, so that its requests do not appear in any record. It is off unless the site was started with
``control=True``, and listens on loopback only.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from crawler.testing.wire import Answer, WireRequest

if TYPE_CHECKING:
    from crawler.testing.interface import Site


class SiteControl:
    """Answers ``/_site/...``. Thread-safe."""

    def __init__(self, site: Site) -> None:
        self._questions: dict[str, Callable[[dict[str, str]], Any]] = {
            "/_site/record": lambda query: site.record.to_json(),
            "/_site/log": lambda query: [list(entry) for entry in site.log],
            "/_site/gaps": lambda query: site.gaps(query.get("host")),
            "/_site/sessions": lambda query: site.live_sessions(query.get("account")),
            "/_site/wait": lambda query: site.wait_for_answers(int(query["count"]), float(query["seconds"])),
            "/_site/mail": lambda query: site.mail_code(query.get("account", "")),
        }
        self._orders: dict[str, Callable[[dict[str, Any]], Any]] = {
            "/_site/revoke": lambda order: site.revoke(order.get("account")),
            "/_site/revoke-all": lambda order: site.revoke_all(),
            "/_site/expire": lambda order: site.expire_now(order.get("account")),
            "/_site/reset": lambda order: site.reset_record(),
            "/_site/change": lambda order: site.change(**order),
            "/_site/edit": lambda order: site.edit({int(number): fields for number, fields in order.items()}),
        }

    def connected(self, host: str) -> int:
        """Always 0: connections are not counted here."""
        return 0

    def answers_left(self, answered: int) -> bool:
        """Always true: connections stay open."""
        return True

    def date_offset_s(self) -> float:
        """Always 0: this clock is right."""
        return 0.0

    def answer(self, call: WireRequest) -> Answer:
        """A query by GET, a command by POST; an invalid one is answered with ``{"error": ...}`` and status 400."""
        try:
            if call.method == "GET" and call.path in self._questions:
                return Answer.json(self._questions[call.path](call.query()))
            if call.method == "POST" and call.path in self._orders:
                order = json.loads(call.body or b"{}")
                if not isinstance(order, dict):
                    raise ValueError("an order is a JSON object")
                return Answer.json(self._orders[call.path](order))
        except (ValueError, TypeError, KeyError) as error:
            return Answer.json({"error": str(error)}, 400)
        return Answer.json({"error": f"no such thing: {call.method} {call.path}"}, 404)
