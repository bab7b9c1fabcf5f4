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


def test_a_step_that_raises_is_told_with_the_line_of_the_spider_by_run_and_login(
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


def test_a_mistake_that_shows_in_the_crawler_is_told_with_the_line_that_led_there(
    shop: PracticeSite, project: Path, command: Crawl
) -> None:
    write_spider(project, shop)
    file = project / "spiders" / "orders.py"
    file.write_text(file.read_text().replace('"password":', '"pass_word":'))
    line = next(number for number, text in enumerate(file.read_text().splitlines(), 1) if "pass_word" in text)

    ended = command("run", "orders")

    assert ended.code == 3
    assert f"the login step stopped (spiders/orders.py, line {line}): UsageError: " in told(ended.err)


def test_of_a_library_and_the_spider_the_line_of_the_spider_is_told(
    shop: PracticeSite, project: Path, command: Crawl
) -> None:
    first = broken(project, shop, "import json", 'json.loads("no json")', LINE)

    said = told(command("run", "orders").err)

    assert f"(spiders/orders.py, line {first + 1}): JSONDecodeError: Expecting value" in said
    assert "decoder.py" not in said


def test_a_login_of_a_base_class_is_told_with_the_file_of_that_class(
    shop: PracticeSite, project: Path, command: Crawl
) -> None:
    first = broken(project, shop, 'raise ValueError("not today")')
    (project / "spiders" / "invoices.py").write_text(
        "from spiders.orders import Orders\n\n\nclass Invoices(Orders):\n    name = 'invoices'\n"
    )

    said = told(command("run", "invoices").err)

    assert f"the login step stopped (spiders/orders.py, line {first}): ValueError: not today" in said


def test_a_check_of_the_spider_that_fails_is_told_with_its_line(
    shop: PracticeSite, project: Path, command: Crawl
) -> None:
    write_spider(project, shop, more="def is_logged_out(self, response):\n        return response.nothing")

    ended = command("login", "orders")

    assert ended.code == 3
    assert f"orders.is_logged_out failed on {shop.url}/orders/?page=1: AttributeError: " in ended.err
    assert "no attribute 'nothing' (spiders/orders.py, line 9)" in ended.err


@pytest.mark.parametrize(
    "raised",
    ['ValueError("password=" + session.account.password)', "ValueError(session.account.password)"],
    ids=["with its name", "alone"],
)
def test_X9_the_line_is_told_without_the_secret_that_the_error_holds(
    shop: PracticeSite, project: Path, command: Crawl, raised: str
) -> None:
    first = broken(project, shop, f"raise {raised}")

    ended = command("run", "orders")

    assert f"(spiders/orders.py, line {first}): ValueError: " in told(ended.err)
    assert shop.accounts[0].password not in ended.err + ended.out
