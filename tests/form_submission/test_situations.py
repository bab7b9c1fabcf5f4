"""Every situation of the list: the request that is made of the page, without a server."""

from __future__ import annotations

import re

import pytest

from crawler.errors import UsageError
from crawler.response import Response
from tests.form_submission.recorder import Sent, is_right, page_of, wanted
from tests.form_submission.situation import PAGE, Situation
from tests.form_submission.situations import SITUATIONS

SITE = "http://shop.example"


def page(situation: Situation) -> Response:
    response = Response()
    response._content, response.headers["Content-Type"] = page_of(situation)
    response.url, response.status_code = SITE + PAGE, 200
    return response


@pytest.mark.parametrize("situation", SITUATIONS, ids=lambda each: each.name)
def test_a_form_sends_what_browsers_send(situation: Situation) -> None:
    response = page(situation)
    form = response.form(id="f") if "id=f" in situation.markup else response.form()
    click = response.css(f"#{situation.click}") if situation.click else False

    if situation.want is None:
        with pytest.raises(UsageError, match="closed by script"):
            form.fill(situation.fill, click=click)
        return
    filled = form.fill(situation.fill, click=click)

    kind, _, boundary = filled.headers.get("Content-Type", "").partition("; boundary=")
    body = filled.body.replace(boundary.encode(), b"=B=") if boundary else filled.body
    sent = Sent(filled.method, filled.url.removeprefix(SITE), kind, body)
    assert is_right(situation, sent), (wanted(situation), sent)


def test_the_list_is_one_of_different_situations_each_with_its_source() -> None:
    names = [each.name for each in SITUATIONS]

    assert len(set(names)) == len(names) >= 200
    assert all(re.fullmatch(r"html/[\w/.-]+", each.source) for each in SITUATIONS)


def test_the_same_form_is_another_multipart_body_each_time() -> None:
    situation = next(each for each in SITUATIONS if each.name == "multipart-basic")
    kinds = {page(situation).form().fill(click=False).headers["Content-Type"] for _ in range(3)}

    assert len(kinds) == 3, "a text that holds the boundary would cut the body"
