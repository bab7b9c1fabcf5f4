"""What the row of a request with a body notes of the login in whose page its form was."""

from __future__ import annotations

from dataclasses import replace

import pytest

from crawler import Request
from crawler.built_forms import ENDED, is_of_ended_session, noted, told
from crawler.outcome import Found
from tests.engine.parts import leased

POST = Request("https://shop.example/more", method="POST", body="token=a")


@pytest.mark.parametrize(("epoch", "is_old"), [(2, False), (3, True)])
def test_a_form_is_old_after_another_login(epoch: int, is_old: bool) -> None:
    row = noted(Found(b"x", POST.url, "shop.example", "default", extras=POST.extras()), 2)
    kept = replace(leased(), extras=row.extras)

    assert is_of_ended_session(kept, epoch) is is_old
    assert Request.of_row(kept).body == b"token=a"


def test_nothing_is_known_of_a_row_without_the_note() -> None:
    assert not is_of_ended_session(replace(leased(), extras=POST.extras()), 9)


def test_a_url_stays_at_the_end_of_the_reason() -> None:
    assert told("StatusError: 403 from https://a.example/x") == f"StatusError: 403 ({ENDED}) from https://a.example/x"
    assert told("StatusError: 403") == f"StatusError: 403; {ENDED}"
