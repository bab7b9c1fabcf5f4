"""A login step with a mistake in it: the message names the line of the spider, and nothing that lets somebody in."""

from __future__ import annotations

from pathlib import Path

import pytest

from crawler.testing import PracticeSite
from tests.cli.conftest import Crawl

from .conftest import write_spider

LINE = 'page = session.get("{url}/login")'  # of the spider that is broken here


def broken(project: Path, site: PracticeSite, *lines: str, instead_of: str = LINE, name: str = "orders") -> int:
    """Put *lines* into the login step of the spider, in place of another. Returns the number of the first of them."""
    write_spider(project, site, name)
    file = project / "spiders" / f"{name}.py"
    before, found, after = file.read_text().partition(instead_of.format(url=site.url))
    assert found
    file.write_text(before + "\n        ".join(lines).format(url=site.url) + after)
    return before.count("\n") + 1


def told(err: str) -> str:
    """The line of the message about the login."""
    return next(line for line in err.splitlines() if "could not log in" in line)


def test_a_step_that_raises_is_reported_with_the_line_of_the_spider_by_run_and_login(
    shop: PracticeSite, project: Path, command: Crawl
) -> None:
    first = broken(
        project,
        shop,
        'with session.step("password form"):',
        '    token = {{}}["csrf"]',
        'page = session.get("{url}/login")',
    )

    run = command("run", "orders")
    quiet = command("run", "orders", "--quiet", "--fresh")
    login = command("login", "orders", "--force")

    wanted = f"the login step stopped at step 'password form' (spiders/orders.py, line {first + 1}): KeyError: 'csrf'"
    assert (run.code, quiet.code, login.code) == (3, 3, 3)
    assert wanted in told(run.err)
    assert wanted in run.out, "the summary says it, too"
    assert wanted in quiet.err
    assert wanted in login.err
    for each in (run, quiet, login):
        assert str(project) not in each.err + each.out.replace(str(project / "data"), "")


def test_a_mistake_that_shows_in_the_crawler_is_reported_with_the_line_that_led_there(
    shop: PracticeSite, project: Path, command: Crawl
) -> None:
    write_spider(project, shop)
    file = project / "spiders" / "orders.py"
    file.write_text(file.read_text().replace('"password":', '"pass_word":'))
    line = next(number for number, text in enumerate(file.read_text().splitlines(), 1) if "pass_word" in text)

    ended = command("run", "orders")

    assert ended.code == 3
    assert f"the login step stopped (spiders/orders.py, line {line}): UsageError: " in told(ended.err)


def test_the_line_of_the_spider_is_reported_rather_than_that_of_a_library(
    shop: PracticeSite, project: Path, command: Crawl
) -> None:
    first = broken(project, shop, "import json", 'json.loads("no json")', LINE)

    said = told(command("run", "orders").err)

    assert f"(spiders/orders.py, line {first + 1}): JSONDecodeError: Expecting value" in said
    assert "decoder.py" not in said


def test_a_login_of_a_base_class_is_reported_with_the_file_of_that_class(
    shop: PracticeSite, project: Path, command: Crawl
) -> None:
    first = broken(project, shop, 'raise ValueError("not today")')
    (project / "spiders" / "invoices.py").write_text(
        "from spiders.orders import Orders\n\n\nclass Invoices(Orders):\n    name = 'invoices'\n"
    )

    said = told(command("run", "invoices").err)

    assert f"the login step stopped (spiders/orders.py, line {first}): ValueError: not today" in said


def test_a_check_of_the_spider_that_fails_is_reported_with_its_line(
    shop: PracticeSite, project: Path, command: Crawl
) -> None:
    write_spider(project, shop, more="def is_logged_out(self, response):\n        return response.nothing")

    ended = command("login", "orders")

    assert ended.code == 3
    assert f"orders.is_logged_out failed on {shop.url}/orders/?page=1: AttributeError: " in ended.err
    assert "no attribute 'nothing' (spiders/orders.py, line 9)" in ended.err


def test_a_run_with_a_check_that_fails_waits_for_the_spider_to_be_mended_and_for_no_person(
    shop: PracticeSite, project: Path, command: Crawl
) -> None:
    write_spider(project, shop, more="def is_logged_out(self, response):\n        return response.css('i.none')[0]")

    ended = command("run", "orders")

    assert ended.code == 3
    said = "session default waits until the spider's own is_logged_out is mended (spiders/orders.py, line 9); then run:"
    assert said in ended.err
    assert "waits for a person" not in ended.err + ended.out
    assert "IndexError: list index out of range (spiders/orders.py, line 9)" in ended.out


@pytest.mark.parametrize(
    "raised",
    ['ValueError("password=" + session.account.password)', "ValueError(session.account.password)"],
    ids=["with its name", "alone"],
)
def test_X9_the_line_is_reported_without_the_secret_in_the_error(
    shop: PracticeSite, project: Path, command: Crawl, raised: str
) -> None:
    first = broken(project, shop, f"raise {raised}")

    ended = command("run", "orders")

    assert f"(spiders/orders.py, line {first}): ValueError: " in told(ended.err)
    assert shop.accounts[0].password not in ended.err + ended.out


RETURNED = {
    "Scrapy's request": ('return Request("{url}/login", callback=self.parse)', "a request"),
    "a list of requests": ('return [Request("{url}/login", method="POST")]', "a request"),
    "a request of the page": ('return session.get("{url}/login").follow("/orders/")', "a request"),
    "a request of requests": ('return requests.Request("POST", "{url}/login")', "a request"),
    "a prepared request": ('return session.prepare_request(requests.Request("GET", "{url}/login"))', "a request"),
    "a form that is filled in": (
        'return session.get("{url}/login").form().fill({{"username": "alice", "password": "x"}})',
        "a form",
    ),
    "a form": ('return session.get("{url}/login").form()', "a form"),
    "a generator of a helper": ('return (Request(url) for url in ["{url}/login"])', "a generator"),
    "a lazy map": ('return map(Request, ["{url}/login"])', "a generator"),
    "all links of a page": ('return session.get("{url}/login").follow_all(css="a")', ""),
    "a coroutine": ("return asyncio.sleep(0)", "a coroutine"),
}


@pytest.mark.parametrize("kind", RETURNED)
def test_a_step_that_returns_what_it_should_send_is_told_what_to_write(
    shop: PracticeSite, project: Path, command: Crawl, kind: str
) -> None:
    line, what = RETURNED[kind]
    broken(project, shop, line)
    file = project / "spiders" / "orders.py"
    file.write_text("import asyncio\nimport requests\nfrom crawler import Request\n" + file.read_text())

    run = command("run", "orders")

    assert run.code == 2, run.err
    assert "Orders.login returns a" in run.err
    assert f"returns {what}" in run.err
    assert "never sent" in run.err
    assert ("session.submit" in run.err, "session.get" in run.err or what == "a form") == (True, True)
    assert not [entry for entry in shop.log if entry.method == "POST"], "and nothing was sent"


@pytest.mark.parametrize("line", ["return page", "return None", "return True", 'return [page, "ok"]', "return {{}}"])
def test_a_step_may_return_what_nobody_has_to_send(
    shop: PracticeSite, project: Path, command: Crawl, line: str
) -> None:
    file = project / "spiders" / "orders.py"
    text = file.read_text()
    before, _, after = text.partition("        session.submit(")
    first, newline, rest = after.partition("\n")
    file.write_text(f"{before}        page = session.submit({first}{newline}        {line.format()}\n{rest}")

    assert command("run", "orders").code == 0


def test_login_says_so_too_and_the_attempt_does_not_count(shop: PracticeSite, project: Path, command: Crawl) -> None:
    broken(project, shop, 'return [r for r in (session.get("{url}/login").follow("/orders/"),)]')

    answers = [command("login", "orders", "--force") for _ in range(5)]
    write_spider(project, shop)

    assert {answer.code for answer in answers} == {2}
    assert all("never sent" in answer.err for answer in answers)
    assert command("run", "orders").code == 0
