"""When a scheduled spider runs: zones, days on which the clock changes, starts that were missed. By a fake clock."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crawler.errors import UsageError
from crawler.schedule import book
from crawler.schedule.plan import Entry, checked, due, jitter_of, next_runs

DUBLIN, NEW_YORK = ZoneInfo("Europe/Dublin"), ZoneInfo("America/New_York")


def entry(cron: str = "0 3 * * *", **others: object) -> Entry:
    return checked(Entry("shop", "shop", cron, **others))  # type: ignore[arg-type]


def at(text: str, zone: ZoneInfo = DUBLIN) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=zone)


@pytest.mark.parametrize(
    ("cron", "after", "expected"),
    [
        pytest.param("0 3 * * *", "2026-11-28T12:00", ["29 03:00 GMT", "30 03:00 GMT"], id="every night"),
        pytest.param("30 1 * * *", "2026-03-28T12:00", ["29 02:00 IST", "30 01:30 IST"], id="a time that is left out"),
        pytest.param("30 1 * * *", "2026-10-24T12:00", ["25 01:30 IST", "26 01:30 GMT"], id="a time that comes twice"),
        pytest.param("0 2 * * *", "2026-03-28T12:00", ["29 02:00 IST", "30 02:00 IST"], id="right after the gap"),
        pytest.param(
            "0 * * * *", "2026-10-25T00:30", ["25 01:00 IST", "25 01:00 GMT", "25 02:00 GMT"], id="each hour, twice"
        ),
        pytest.param("0 * * * *", "2026-03-29T00:30", ["29 02:00 IST", "29 03:00 IST"], id="each hour, once"),
        pytest.param("0 6 29 2 *", "2026-01-01T00:00", ["29 06:00 GMT"], id="29 February"),
        pytest.param("@monthly", "2026-01-15T00:00", ["01 00:00 GMT", "01 00:00 GMT"], id="a nickname"),
    ],
)  # fmt: skip
def test_the_next_runs_are_those_of_debians_cron(cron: str, after: str, expected: list[str]) -> None:
    found = next_runs(entry(cron), at(after), DUBLIN, len(expected))

    assert [f"{moment:%d %H:%M %Z}" for moment in found] == expected


def test_a_zone_of_its_own_is_shown_in_local_time_through_both_changes_of_the_clock() -> None:
    found = next_runs(entry("0 6 * * *", tz="America/New_York"), at("2026-03-07T12:00"), DUBLIN, 23)

    assert {f"{moment:%H:%M}" for moment in found[:1]} == {"10:00"}  # New York has changed, Dublin has not
    assert f"{found[-1]:%H:%M}" == "11:00"
    assert all(f"{moment.astimezone(NEW_YORK):%H:%M}" == "06:00" for moment in found)


@pytest.mark.parametrize(
    "wrong",
    [
        pytest.param({"cron": "0 3 * *"}, id="four fields"),
        pytest.param({"cron": "0 25 * * *"}, id="hour 25"),
        pytest.param({"cron": "0 0 30 2 *"}, id="30 February"),
        pytest.param({"tz": "Europe/Nowhere"}, id="no zone"),
        pytest.param({"tz": "../../etc/passwd"}, id="a path for a zone"),
        pytest.param({"overlap": "both"}, id="overlap"),
        pytest.param({"jitter_s": -1}, id="jitter"),
    ],
)
def test_what_never_comes_is_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(UsageError):
        entry(**wrong)  # type: ignore[arg-type]


ALONE = {"catch_up": False}
NIGHT = at("2026-11-29T03:00")


@pytest.mark.parametrize(
    ("seen", "now", "others", "expected"),
    [
        pytest.param(NIGHT - timedelta(hours=5), NIGHT, {}, NIGHT, id="on time"),
        pytest.param(NIGHT - timedelta(hours=5), NIGHT - timedelta(seconds=1), {}, None, id="a second too early"),
        pytest.param(NIGHT, NIGHT + timedelta(minutes=1), {}, None, id="seen to"),
        pytest.param(NIGHT - timedelta(days=5), NIGHT + timedelta(hours=9), {}, NIGHT, id="five nights off"),
        pytest.param(NIGHT - timedelta(days=5), NIGHT + timedelta(hours=9), ALONE, None, id="no catch-up"),
        pytest.param(NIGHT - timedelta(days=1), NIGHT + timedelta(minutes=9), ALONE, NIGHT, id="late"),
        pytest.param(NIGHT + timedelta(days=2), NIGHT + timedelta(minutes=1), {}, None, id="the clock was put back"),
        pytest.param(NIGHT - timedelta(hours=5), NIGHT, {"jitter_s": 86_400}, None, id="jitter: later"),
        pytest.param(NIGHT, NIGHT + timedelta(hours=23.99), {"jitter_s": 0}, None, id="not twice a night"),
    ],
)  # fmt: skip
def test_it_is_due_when_its_time_has_come_and_nobody_has_seen_to_it(
    seen: datetime, now: datetime, others: dict[str, object], expected: datetime | None
) -> None:
    assert due(entry(**others), seen, now, DUBLIN) == expected  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("minutes", "first", "nights"), [(1, "2026-10-20", 10), (1, "2026-03-24", 10), (10, "2026-01-01", 365)]
)
def test_whoever_looks_every_few_minutes_starts_each_night_once_through_a_year(
    minutes: int, first: str, nights: int
) -> None:
    found, seen = [], at(f"{first}T00:00")
    what = entry("30 1 * * *", jitter_s=120)
    for night in range(nights):  # looking in the small hours alone: nothing is due at other times
        moment = (at(f"{first}T00:00") + timedelta(days=night)).astimezone(UTC)
        for look in range(0, 240, minutes):
            tick = due(what, seen, moment + timedelta(minutes=look), DUBLIN)
            if tick is not None:
                seen = tick
                found.append(tick)

    assert len(found) == nights
    assert all(timedelta(hours=22) < later - earlier < timedelta(hours=26) for earlier, later in pairwise(found))


@given(st.floats(0, 86_400), st.datetimes(datetime(2020, 1, 1), datetime(2035, 1, 1), timezones=st.just(UTC)))
def test_jitter_is_within_its_bounds_and_the_same_for_every_process_that_looks(seconds: float, tick: datetime) -> None:
    late = jitter_of(entry(jitter_s=seconds), tick)

    assert timedelta(0) <= late <= timedelta(seconds=seconds)
    assert late == jitter_of(entry(jitter_s=seconds), tick.astimezone(NEW_YORK))


# --- the file -----------------------------------------------------------------------------------------------------

texts = st.text(min_size=1, max_size=12)


@given(
    st.lists(
        st.builds(
            Entry,
            id=texts,
            spider=texts,
            cron=st.just("0 3 * * *"),
            tz=st.sampled_from(["", "UTC", "Europe/Dublin"]),
            arguments=st.dictionaries(texts, st.text(max_size=12), max_size=2),
            words=st.lists(texts, max_size=2).map(tuple),
            overlap=st.sampled_from(["skip", "wait"]),
            jitter_s=st.sampled_from([0.0, 2.5, 300.0]),
            catch_up=st.booleans(),
        ),
        max_size=3,
        unique_by=lambda each: each.id,
    )
)
def test_what_is_written_is_read_again_whatever_it_holds(entries: list[Entry]) -> None:
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        book.write(Path(folder), entries)
        assert book.read(Path(folder)) == entries


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[[run]]\nspider = 'a'", 'needs spider = "..." and cron'),
        ("[[run]]\nspider = 'a'\ncron = '@daily'\nzone = 'UTC'", "unknown key 'zone'"),
        ("[[run]]\nspider = 'a'\ncron = 'daily'", "five fields"),
        ("[run]\nspider = 'a'", "[[run]]"),
        ("[[run", "schedule.toml"),
        ("[[run]]\nspider = 'a'\ncron = '@daily'\njitter = 'x'", "wrong kind"),
    ],
)
def test_a_file_that_is_wrong_says_where(tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / "schedule.toml").write_text(text)

    with pytest.raises(UsageError) as error:
        book.read(tmp_path)

    assert said in str(error.value)


def test_what_was_seen_to_is_kept_and_a_damaged_file_counts_from_now_on(tmp_path: Path) -> None:
    with book.seen(tmp_path) as moments:
        moments["shop"] = NIGHT
    with book.seen(tmp_path) as moments:
        assert moments == {"shop": NIGHT}
    for damage in ("", "[]", '{"shop": "x"}', "\x00"):
        (tmp_path / "data" / "schedule.json").write_text(damage)
        with book.seen(tmp_path) as moments:
            assert moments == {}
