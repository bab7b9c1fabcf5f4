"""`crawl new` of HTML lists whose further pages no address leads to: that is said, since nothing follows them."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import pytest

from crawler.authoring.unfollowed_pager import find_unfollowed
from crawler.testing.wire import Answer
from tests.authoring.test_first_spider import page
from tests.cli.conftest import Crawl, _clean, crawl, project
from tests.hosts import Host

__all__ = ["_clean", "crawl", "project"]

ROWS = "".join(f"<tr class=order><td>PO-{n:03}<td>{n}.50</tr>" for n in range(20))
BY_SCRIPT = '<a href="#" onclick="gotopage(2)">2</a> <a href="#" onclick="gotopage(3)">3</a>'
IN_PAGER = "<ul class=pagination><li><a>1</a><li><a>2</a><li><a>3</a><li><a>Next</a></ul>"


@pytest.fixture(autouse=True)
def _no_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("crawler.authoring.exploring.PAUSE_S", 0.0)


@pytest.mark.parametrize(
    ("below", "said"),
    [
        pytest.param(BY_SCRIPT, "page numbers, which a script turns", id="numbers"),
        pytest.param(IN_PAGER, '"Next", which a script turns', id="without-addresses"),
        pytest.param("<p>Showing 1 to 20 of 70 entries</p>", '"Showing 1 to 20 of 70 entries"', id="count"),
        pytest.param(
            '<p>Page 1 of 4 <a href="javascript:turn(2)">Next &gt;</a>',
            '"Page 1 of 4 Next >" and "Next >", which a script turns',
            id="both",
        ),
    ],
)
def test_pages_that_no_address_leads_to_are_told_on_the_screen_and_in_the_spider(
    project: Path, crawl: Crawl, below: str, said: str
) -> None:
    html = f"<table>{ROWS}</table><div>{below}</div>".encode()
    with closing(Host({"/list": Answer(body=html), "*": Answer(404)}, "127.0.0.1", None)) as host:
        made = crawl("new", "orders", f"{host.url}/list")
        run = crawl("run", "orders")

    assert (made.code, run.code) == (0, 0), made.err + run.err
    assert f"no next page is followed, although the page says {said}: no address leads there" in made.out
    assert "`crawl new orders --from-har FILE --replace`" in made.out
    assert f"# TODO: the page says {said}: it has more pages," in (project / "spiders" / "orders.py").read_text()


@pytest.mark.parametrize(
    "below",
    [
        pytest.param("<p>Showing 1 to 20 of 20 entries</p>", id="all"),
        pytest.param("<p>Showing 1 to 10 of 20 entries</p>", id="a-script-shows-a-part-of-what-is-there"),
        pytest.param("<p>Showing 61 to 70 of 70</p><p>Page 4 of 4</p>", id="the-last-page"),
        pytest.param("<p>01-20/2026</p>", id="a-date"),
        pytest.param("<p>for 3-4 of 7 players</p>", id="other-numbers"),
        pytest.param("<div class=carousel><button onclick=go()>Next</button></div>", id="pictures"),
        pytest.param("<ul class=pagination><li class=disabled><a>Next</a></ul>", id="switched-off"),
        pytest.param("<button>Next</button>", id="a-button-that-says-nothing-more"),
        pytest.param('<a href="#top">2</a>', id="a-footnote"),
    ],
)
def test_nothing_is_said_where_nothing_speaks_of_more(below: str) -> None:
    assert find_unfollowed(page(f"<body><table>{ROWS}</table>{below}</body>"), 20) == ""
