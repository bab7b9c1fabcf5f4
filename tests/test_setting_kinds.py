"""What may be given as the value of a setting, and what it becomes."""

from __future__ import annotations

from typing import Any

import pytest

from crawler.errors import SettingsError
from crawler.settings import FIELDS, Settings, load

GOOD: dict[str, tuple[str, Any, Any]] = {
    "a number as text": ("workers", " 4 ", 4),
    "a number with an empty fraction": ("workers", 4.0, 4),
    "the same as text": ("workers", "4.0", 4),
    "a whole number for a number": ("delay", 2, 2.0),
    "a number in scientific notation": ("delay", "1e1", 10.0),
    "a bound itself": ("jitter", "1", 1.0),
    "yes": ("robots", "Yes", True),
    "off": ("robots", "off", False),
    "0 for a truth value": ("robots", 0, False),
    "a list for a tuple": ("retry_statuses", ["503", 429], (503, 429)),
    "an object": ("fields", {"price": "0.5"}, {"price": 0.5}),
    "one of several words": ("transport", "urllib3", "urllib3"),
    "true or a text: true": ("verify", True, True),
    "true or a text: a text": ("verify", "/etc/ca.pem", "/etc/ca.pem"),
}
BAD: dict[str, tuple[str, Any, str]] = {
    "a fraction": ("workers", 4.5, "a whole number"),
    "a fraction as text": ("workers", "4.5", "a whole number"),
    "no number": ("workers", "many", "a whole number"),
    "endless": ("workers", float("inf"), "a whole number"),
    "below": ("workers", 0, "at least 1"),
    "above": ("workers", 2049, "at most 2048"),
    "on the bound that it has to exceed": ("timeout", 0, "above 0"),
    "not a number": ("delay", float("nan"), "at least 0"),
    "a list for a number": ("delay", [1], "a number"),
    "2 for a truth value": ("robots", 2, "true or false"),
    "a word for a truth value": ("robots", "maybe", "true or false"),
    "a number for a text": ("store", 5, "a text"),
    "another word": ("durability", "carrier pigeon", "one of normal, full"),
    "a text for a list": ("may_be_empty", 5, "a list"),
    "a wrong one in a list": ("retry_statuses", [503, "x"], "a whole number"),
    "a list for an object": ("fields", ["price"], "an object"),
    "a wrong one in an object": ("fields", {"price": "much"}, "a number"),
    "a number for true or a text": ("verify", 1, "true, false or a text"),
}


@pytest.mark.parametrize(("name", "given", "value"), GOOD.values(), ids=GOOD)
def test_a_value_that_can_mean_one_thing_only_is_taken_for_it(name: str, given: Any, value: Any) -> None:
    found = getattr(Settings(**{name: given}), name)

    assert (found, type(found)) == (value, type(value))


@pytest.mark.parametrize(("name", "given", "wanted"), BAD.values(), ids=BAD)
def test_another_value_is_refused_and_told_what_would_fit(name: str, given: Any, wanted: str) -> None:
    with pytest.raises(SettingsError, match=rf"setting {name} \(custom_settings") as refused:
        load(environ={}, spider={name: given})

    assert wanted in str(refused.value)
    assert not isinstance(given, str) or given not in str(refused.value)  # it may be a secret


def test_every_default_is_a_value_that_may_be_given() -> None:
    for name, each in FIELDS.items():
        assert each.converted(each.default) == each.default, name


def test_settings_do_not_change_and_are_compared_by_value() -> None:
    settings = Settings(workers=3)

    with pytest.raises(AttributeError):
        settings.workers = 4
    assert settings.replace(delay=1) == Settings(workers=3, delay=1.0) != settings
    with pytest.raises(SettingsError, match="unknown setting 'wrokers'"):
        Settings(wrokers=3)


def test_what_may_hold_a_secret_is_not_shown() -> None:
    shown = repr(Settings(proxy="http://u:hidden@h:1", headers={"Authorization": "hidden"}, ping="https://h/hidden"))

    assert "hidden" not in shown
    assert "proxy='***'" in shown
