"""A jar at home on one shop, whose clock stands still."""

import pytest

from crawler.sessions.cookies.jar import Jar

NOW = 1_800_000_000.0
URL = "https://shop.example/"


@pytest.fixture
def jar() -> Jar:
    return Jar(clock=lambda: NOW, home=URL)


@pytest.fixture(name="jar")
def jar_without_home() -> Jar:
    return Jar(clock=lambda: NOW)
