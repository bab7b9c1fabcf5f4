"""The cookies that tests of exchange give to other programs, and the way back into a jar."""

from typing import Any

import pytest

from crawler.sessions.cookies.jar import Jar

NOW = 1_800_000_000.0
URL = "https://www.shop.example/app"
LINES = [
    "session=1",
    "empty=",
    "unicode=☃\u2028\u0085é",
    "nameless",
    "tab=a\tb",
    'quotes="a\\"b" \'c\' $HOME `x` !',
    "wide=1; Domain=shop.example; Path=/app; Max-Age=600; HttpOnly; Secure; SameSite=Strict",
    "bytes=\udce9",
]


@pytest.fixture
def jar() -> Jar:
    jar = Jar(clock=lambda: NOW)
    jar.receive(URL, LINES)
    return jar


def loaded(records: list[dict[str, Any]]) -> Jar:
    jar = Jar(clock=lambda: NOW)
    jar.load(records)
    return jar
