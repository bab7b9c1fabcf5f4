"""What is told of a login in a browser that stops at a selector."""

from __future__ import annotations

from typing import Any

from crawler.sessions.browser import _stopped


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
