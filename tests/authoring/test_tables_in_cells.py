"""`crawl new` of tables of data with tables in their cells, beside a few links or buttons."""

from __future__ import annotations

import json
from contextlib import closing
from pathlib import Path

import pytest

from crawler.authoring.repeating import find_list
from crawler.testing.wire import Answer
from tests.authoring.test_first_spider import items_of, page
from tests.cli.conftest import Crawl, _clean, crawl, project
from tests.hosts import Host

__all__ = ["_clean", "crawl", "project"]

COUNT = 20
LINKS = "".join(f"<a href=/{each}>View {each} For All Hosts</a><br>" for each in ("History", "Status", "Alerts"))
BUTTONS = "".join(f"<button type=submit>{each}</button>" for each in ("Enable", "Disable", "Export", "Delete"))


def monitored(number: int) -> str:
    """As in a list of hosts of Nagios: classes that alternate stand at the cells, and the first one holds tables."""
    style = ("statusEven", "statusOdd")[number % 2]
    name = f"<table><tr><td class={style}><a href=/host/{number}>host {number}</a>&nbsp;</td></tr></table>"
    icons = f"<table><tr><td><a href=/status/{number}><img src=/status.gif></a></td></tr></table>"
    return (
        f"<tr><td class={style}><table><tr><td>{name}</td><td>{icons}</td></tr></table></td>"
        f"<td class=statusUP>UP</td><td class={style}>{number}d 3h</td><td class={style}>PING {number} ms</td></tr>"
    )


MONITORED = (
    f"<table class=head><tr><td><table class=linkBox><tr><td class=linkBox>{LINKS}</td></tr></table></td></tr></table>"
    "<table class=status><tr><th>Host</th><th>Status</th><th>Duration</th><th>Information</th></tr>"
    f"{''.join(map(monitored, range(COUNT)))}</table>"
)


def listed(number: int) -> str:
    """As in a list of hosts of Zabbix: a hint in a cell is a table of the same class."""
    hint = f"<table class=list-table><tbody><tr><td>Interface</td><td>{number}:10050</td></tr></tbody></table>"
    return (
        f"<tr><td><input type=checkbox name=h{number}></td><td><a class=link href=/host/{number}>host {number}</a></td>"
        f"<td><div><span>ZBX</span><div>{hint}</div></div></td><td>Enabled</td></tr>"
    )


LISTED = (
    "<form><table class=list-table><thead><tr><th></th><th>Name</th><th>Availability</th><th>Status</th></tr></thead>"
    f"<tbody>{''.join(map(listed, range(COUNT)))}</tbody></table><div id=actions>{BUTTONS}</div></form>"
)


@pytest.fixture(autouse=True)
def _no_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("crawler.authoring.exploring.PAUSE_S", 0.0)


@pytest.mark.parametrize(
    ("html", "name"), [pytest.param(MONITORED, "host", id="links"), pytest.param(LISTED, "name", id="buttons")]
)
def test_the_rows_of_a_table_with_tables_in_its_cells_are_read_and_not_a_few_links_or_buttons(
    project: Path, crawl: Crawl, html: str, name: str
) -> None:
    with closing(Host({"/hosts": Answer(body=html.encode()), "*": Answer(404)}, "127.0.0.1", None)) as host:
        made = crawl("new", "hosts", f"{host.url}/hosts")
        run = crawl("run", "hosts", "--json")
        crawl("export", "hosts", "-o", "hosts.jsonl")

    assert (made.code, run.code) == (0, 0), made.err + run.err
    items = [json.loads(line) for line in Path("hosts.jsonl").read_text().splitlines()]
    assert [each[name] for each in items] == [f"host {number}" for number in range(COUNT)]
    assert items[7]["url"] == f"{host.url}/host/7"


def test_a_link_that_fills_a_cell_is_one_field() -> None:
    items = items_of(page(f"<body>{MONITORED}</body>"))

    assert set(items[0]) == {"host", "duration", "information", "url"}


def test_such_a_table_is_found_by_what_is_around_it() -> None:
    """Another table on the page has the same class."""
    other = "<table class=list-table><tbody><tr><td>of</td><td>another</td></tr></tbody></table>"

    found = find_list(page(f"<body>{other}<div id=all>{LISTED}</div></body>"))

    assert found is not None
    assert (found.count, "@id='all'" in found.rows) == (COUNT, True)


def test_buttons_are_not_a_list_beside_two_rows_with_one_field() -> None:
    rows = "<tr><td>Ann</td></tr><tr><td>Ben</td></tr>"

    found = find_list(page(f"<body><table class=users>{rows}</table><div class=do>{BUTTONS}</div></body>"))

    assert found is not None
    assert (found.count, "tr" in found.rows) == (2, True)
