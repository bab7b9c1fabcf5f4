"""Changes to a session by others while a crawl logs in with it, or has pages of it under way: whole crawls."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from crawler import Response, Session
from crawler.engine import application
from crawler.outcome import SessionSnapshot
from crawler.stores import losses
from crawler.stores.base import Store
from crawler.stores.calls import new_owner
from crawler.stores.policy.login_policy import Trying
from crawler.testing import SiteProcess
from tests.engine.shop import Members, crawl, credentials, opened, stored

FIELDS = ("id", "title", "upc", "price")


class Disturbed(Members):
    """Calls `by` once: after the first login step, or in the callback of the first book."""

    name = "disturbed"
    disturb: Callable[[Disturbed], None] | None = None
    in_login = True

    def _disturb(self) -> None:
        disturb, type(self).disturb = type(self).disturb, None
        if disturb is not None:
            disturb(self)

    def login(self, session: Session) -> None:
        super().login(session)
        if self.in_login:
            self._disturb()

    def parse_book(self, response: Response) -> Iterator[dict[str, Any]]:
        if not self.in_login:
            self._disturb()
        yield from super().parse_book(response)


@pytest.fixture
def site(make_site_process: Any, monkeypatch: pytest.MonkeyPatch) -> SiteProcess:
    made: SiteProcess = make_site_process(books=20)
    credentials(monkeypatch, default=made.accounts[0])
    return made


def truth(site: SiteProcess) -> list[dict[str, str]]:
    return [{field: item[field] for field in FIELDS} for item in site.truth.member_items(site.accounts[0].username)]


def with_store(folder: Path, act: Callable[[Store, str], object]) -> None:
    """Open the store as another process would, and act on the one session in it, or the one that is logged in."""
    settings = application.load(command_line={"store": str(folder / "crawl.db")})
    with closing(application.open_project_store(settings)) as store:
        with opened(folder) as raw:
            (key,) = raw.execute("SELECT key FROM crawl_sessions").fetchone()
        act(store, key)


def lapse(folder: Path) -> None:
    """As if the process had been stopped for longer than the lease of its login."""
    with closing(sqlite3.connect(folder / "crawl.db", isolation_level=None)) as raw:
        raw.execute("UPDATE crawl_sessions SET login_until = 1")


def log_in_elsewhere(spider: Members, folder: Path) -> str:
    """Another process logs in; returns its stored secret."""
    with application.visitor(
        Members, arguments=dict(spider.arguments), settings={"store": str(folder / "crawl.db")}
    ) as visitor:
        visitor.login()
    found: list[str] = []
    with_store(folder, lambda store, key: found.append(getattr(store.sessions.load(key), "secret", "")))
    return found[0]


def test_a_login_that_outlasts_its_lease_takes_over_the_session_of_a_login_made_meanwhile(
    site: SiteProcess, tmp_path: Path
) -> None:
    theirs: list[str] = []

    def overtake(spider: Disturbed) -> None:
        lapse(tmp_path)
        theirs.append(log_in_elsewhere(spider, tmp_path))

    class Paused(Disturbed):
        disturb = staticmethod(overtake)

    summary = crawl(Paused, site.url, tmp_path)

    assert (summary.ending, stored(tmp_path, *FIELDS)) == ("finished", truth(site))
    assert site.record.logins == {site.accounts[0].username: 2}  # theirs, and ours, which nobody uses
    assert summary.logins == 0
    with_store(tmp_path, lambda store, key: theirs.append(getattr(store.sessions.load(key), "secret", "")))
    assert sid(theirs[0]) == sid(theirs[1])


def sid(secret: str) -> list[tuple[str, str]]:
    return sorted((cookie["name"], cookie["value"]) for cookie in json.loads(secret)["cookies"])


def test_a_session_that_is_cleared_during_its_login_is_logged_in_again(site: SiteProcess, tmp_path: Path) -> None:
    class Cleared(Disturbed):
        disturb = staticmethod(lambda spider: with_store(tmp_path, lambda store, key: store.sessions.clear(key)))

    summary = crawl(Cleared, site.url, tmp_path)

    assert (summary.ending, stored(tmp_path, *FIELDS)) == ("finished", truth(site))
    assert (summary.logins, site.record.logins) == (1, {site.accounts[0].username: 2})


def test_a_login_that_ends_in_a_refusal_after_its_lease_leaves_the_claim_of_the_next_one(
    site: SiteProcess, tmp_path: Path
) -> None:
    def overtake(spider: Disturbed) -> None:
        lapse(tmp_path)

        def claim(store: Store, key: str) -> None:
            assert store.logins.claim(
                key, owner=new_owner("test"), epoch=0, lease_s=1.0, trying=Trying(force=True)
            ).granted

        with_store(tmp_path, claim)
        raise RuntimeError("the step breaks")

    class Broken(Disturbed):
        disturb = staticmethod(overtake)

    crawl(Broken, site.url, tmp_path)

    with opened(tmp_path) as raw:
        endings = raw.execute("SELECT owner LIKE 'test-%', outcome FROM crawl_logins ORDER BY id").fetchall()
    assert endings[:2] == [(0, "failed"), (1, "")]


def test_pages_under_way_while_somebody_else_logs_in_are_fetched_again_unless_they_prove_themselves(
    make_site_process: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    site = make_site_process(books=20)
    credentials(monkeypatch, default=site.accounts[0])

    class Unproven(Disturbed):
        logged_in_text = "no page says this"
        disturb = staticmethod(lambda spider: log_in_again(spider, tmp_path))
        in_login = False

        def is_logged_out(self, response: Response) -> bool:
            return "/login" in response.url

    summary = crawl(Unproven, site.url, tmp_path, workers=4, probe_every=0)  # so that none is proved before

    assert (summary.ending, stored(tmp_path, *FIELDS)) == ("finished", truth(site))
    assert summary.rechecked >= 1
    with opened(tmp_path) as raw:
        (epoch,) = raw.execute("SELECT epoch FROM crawl_sessions").fetchone()
        old = raw.execute("SELECT count(*) FROM crawl_requests WHERE state = 2 AND epoch < ?", (epoch,)).fetchone()
    assert (epoch, old) == (2, (0,))


def log_in_again(spider: Members, folder: Path) -> None:
    arguments, settings = dict(spider.arguments), {"store": str(folder / "crawl.db")}
    with application.visitor(Members, arguments=arguments, settings=settings) as visitor:
        visitor.login(force=True)


def test_a_session_that_somebody_imports_during_a_crawl_is_taken_over_where_the_old_one_is_good_still(
    site: SiteProcess, tmp_path: Path
) -> None:
    def again(store: Store, key: str) -> None:
        row = store.sessions.load(key)
        assert row is not None
        store.sessions.save(
            SessionSnapshot(key, row.name, "unproven", row.epoch + 1, row.secret, "import", row.cookies), run=None
        )

    class Imported(Disturbed):
        logged_in_text = "no page says this"  # so that no page proves itself, and only the store can say
        disturb = staticmethod(lambda spider: with_store(tmp_path, again))
        in_login = False

        def is_logged_out(self, response: Response) -> bool:
            return "/login" in response.url

    summary = crawl(Imported, site.url, tmp_path, workers=4, max_time=30, probe_every=0)

    assert (summary.ending, stored(tmp_path, *FIELDS)) == ("finished", truth(site))
    assert summary.rechecked >= 1
    assert site.record.logins == {site.accounts[0].username: 1}
    with opened(tmp_path) as raw:
        assert raw.execute("SELECT epoch FROM crawl_sessions").fetchone() == (2,)


def test_a_cookie_that_somebody_else_stores_during_a_crawl_is_there_afterwards(
    make_site_process: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    site = make_site_process(books=20, rotate_cookie=True)  # the crawl stores the session again and again
    credentials(monkeypatch, default=site.accounts[0])

    def add(store: Store, key: str) -> None:
        row = store.sessions.load(key)
        assert row is not None
        held = json.loads(row.secret)
        held["cookies"].append({"name": "device", "value": "theirs", "domain": "127.0.0.1"})
        taken = SessionSnapshot(key, row.name, row.state, row.epoch, json.dumps(held), "elsewhere", 3, base=row.secret)
        store.sessions.save(taken, run=None)

    class Added(Disturbed):
        disturb = staticmethod(lambda spider: with_store(tmp_path, add))
        in_login = False

    summary = crawl(Added, site.url, tmp_path, workers=1)

    assert (summary.ending, stored(tmp_path, *FIELDS)) == ("finished", truth(site))
    with opened(tmp_path) as raw:
        (elsewhere,) = raw.execute("SELECT id FROM crawl_session_history WHERE url = 'elsewhere'").fetchone()
        (later,) = raw.execute("SELECT count(*) FROM crawl_session_history WHERE id > ?", (elsewhere,)).fetchone()
    assert later > 5
    found: list[str] = []
    with_store(tmp_path, lambda store, key: found.append(getattr(store.sessions.load(key), "secret", "")))
    assert ("device", "theirs") in sid(found[0])


def test_it_is_sent_with_the_pages_that_follow(
    make_site_process: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    site = make_site_process(books=40, rotate_cookie=True)
    credentials(monkeypatch, default=site.accounts[0])
    sent: list[str] = []

    def add(store: Store, key: str) -> None:
        row = store.sessions.load(key)
        assert row is not None
        held = json.loads(row.secret)
        held["cookies"].append({"name": "device", "value": "theirs", "domain": "127.0.0.1"})
        taken = SessionSnapshot(key, row.name, row.state, row.epoch, json.dumps(held), "elsewhere", 3, base=row.secret)
        store.sessions.save(taken, run=None)

    class Added(Disturbed):
        disturb = staticmethod(lambda spider: with_store(tmp_path, add))
        in_login = False

        def parse_book(self, response: Response) -> Iterator[dict[str, Any]]:
            sent.append(response.request.headers["Cookie"] or "")
            yield from super().parse_book(response)

    summary = crawl(Added, site.url, tmp_path, workers=1)

    assert (summary.ending, summary.logins) == ("finished", 1)
    assert "device=theirs" not in sent[0]
    assert "device=theirs" in sent[-1], "a doubt is not waited for"
    assert stored(tmp_path, *FIELDS) == truth(site)


def test_owners_are_of_one_incarnation() -> None:
    names = {new_owner("visit") for _ in range(100)}

    assert len(names) == 100


class Shown(Members):
    """Pages do not prove themselves, and the site shows who is logged out."""

    name = "shown"
    logged_in_text = "no page says this"

    def is_logged_out(self, response: Response) -> bool:
        return "/login" in response.url


def test_a_kill_between_the_new_login_and_the_quarantine_leaves_no_page_of_the_lost_one(
    site: SiteProcess, tmp_path: Path
) -> None:
    assert crawl(Shown, site.url, tmp_path, max_pages=8, probe_every=0).ending == "limit"
    with opened(tmp_path) as raw:  # as the run would leave it: loss noted, logged in again, killed
        key, proved_at = raw.execute("SELECT key, proved_at FROM crawl_sessions").fetchone()
        raw.execute("UPDATE crawl_sessions SET epoch = 2, version = version + 1")
        raw.execute(
            "UPDATE crawl_requests SET proven = 0 WHERE state = 2"  # the probe at the end of the first run was good
        )
        before = {row[0] for row in raw.execute("SELECT id FROM crawl_requests WHERE state = 2")}
        raw.commit()
    with_store(tmp_path, lambda store, _: losses.note(store, 1, key, epoch=1, since=proved_at - 3600))

    summary = crawl(Shown, site.url, tmp_path)

    assert (summary.ending, stored(tmp_path, *FIELDS)) == ("finished", truth(site))
    assert summary.rechecked == len(before)
    with opened(tmp_path) as raw:
        assert raw.execute("SELECT count(*) FROM crawl_requests WHERE state = 2 AND epoch = 1").fetchone() == (0,)
        assert raw.execute("SELECT count(*) FROM crawl_values WHERE name LIKE 'lost:%'").fetchone() == (0,)


def test_a_loss_is_noted_before_the_next_login_and_settled_after_it(site: SiteProcess, tmp_path: Path) -> None:
    noted: list[Any] = []

    class Watching(Shown):
        name = "watching"

        def login(self, session: Session) -> None:
            with opened(tmp_path) as raw:
                noted.append(raw.execute("SELECT value FROM crawl_values WHERE name LIKE 'lost:%'").fetchone())
            super().login(session)

        def parse_book(self, response: Response) -> Iterator[dict[str, Any]]:
            if "/book/5" in response.url and len(noted) == 1:
                site.revoke_all()
            yield from super().parse_book(response)

    summary = crawl(Watching, site.url, tmp_path, workers=1)

    assert (summary.ending, stored(tmp_path, *FIELDS)) == ("finished", truth(site))
    assert (noted[0], len(noted)) == (None, 2)
    assert json.loads(noted[1][0])[0] == 1
    with opened(tmp_path) as raw:
        assert raw.execute("SELECT count(*) FROM crawl_values WHERE name LIKE 'lost:%'").fetchone() == (0,)
