"""What is told of a login in a browser that stops at a selector."""

from __future__ import annotations

from typing import Any

import pytest

from crawler.sessions.browser import _stopped, step_s


class TimedOut(Exception):
    """As Playwright raises it."""

    message = 'Page.fill: Timeout 30000ms exceeded.\nCall log:\n  - waiting for locator("input[name=usr]")\n'


def test_a_login_in_a_browser_that_stops_names_the_selector_and_the_line_of_the_spider() -> None:
    code = compile("def log_in():\n    raise TimedOut\n", "/project/spiders/orders.py", "exec")
    spider: dict[str, Any] = {"__name__": "spiders.orders", "TimedOut": TimedOut}
    exec(code, spider)  # noqa: S102 - a file of a spider, without one
    try:
        spider["log_in"]()
    except TimedOut as error:
        told = _stopped("https://shop.example/login", error)

    assert told == (
        "the browser login stopped at https://shop.example/login: Page.fill: Timeout 30000ms exceeded; waiting for"
        ' locator("input[name=usr]") (spiders/orders.py, line 2)'
    )


@pytest.mark.parametrize(
    ("most_s", "start_s", "waits_s"),
    [(180.0, 2.0, 30.0), (180.0, 12.0, 60.0), (180.0, 247.0, 180.0), (5.0, 2.0, 5.0)],
    ids=["usual", "busy", "starved", "short"],
)
def test_a_step_of_a_login_waits_longer_where_the_browser_took_long_to_start(
    most_s: float, start_s: float, waits_s: float
) -> None:
    assert step_s(most_s, start_s) == waits_s
