"""What a response is, as users of requests read it."""

from __future__ import annotations

import io
import pickle
import shutil
from typing import Any

import requests

from .calls import ALIKE, alike


@alike
def a_plain_answer(s: Any, u: str) -> Any:
    r = s.get(f"{u}/lines")
    return r.status_code, r.reason, r.ok, bool(r), r.url, r.content, r.text, r.encoding, r.headers["content-TYPE"]


@alike
def a_response_by_type(s: Any, u: str) -> Any:
    r = s.get(f"{u}/echo")
    kinds = (requests.Response, requests.PreparedRequest, requests.structures.CaseInsensitiveDict)
    return [isinstance(each, kind) for each, kind in zip((r, r.request, r.headers), kinds, strict=True)]


@alike
def history_of_redirects(s: Any, u: str) -> Any:
    r = s.get(f"{u}/hop")
    return r.url, [(h.status_code, h.url, h.content, h.is_redirect, h.headers["Location"]) for h in r.history]


@alike
def history_of_each_answer(s: Any, u: str) -> Any:
    r = s.get(f"{u}/hop")
    return isinstance(r.history, list), [[each.url for each in h.history] for h in r.history]


@alike
def redirect_left_alone(s: Any, u: str) -> Any:
    r = s.get(f"{u}/hop", allow_redirects=False)
    return r.status_code, r.is_redirect, r.is_permanent_redirect, r.next.url, r.next.method, r.history, r.text


@alike
def permanent_redirect_left_alone(s: Any, u: str) -> Any:
    r = s.get(f"{u}/hop2", allow_redirects=False)
    return r.status_code, r.is_redirect, r.is_permanent_redirect, r.next.url


@alike
def next_of_no_redirect(s: Any, u: str) -> Any:
    r = s.get(f"{u}/echo", allow_redirects=False)
    return r.next, r.is_redirect, r.is_permanent_redirect


@alike
def redirect_without_an_address(s: Any, u: str) -> Any:
    r = s.get(f"{u}/nowhere")
    return r.status_code, r.is_redirect, r.text, r.history


@alike
def next_is_sent_by_hand(s: Any, u: str) -> Any:
    r = s.get(f"{u}/hop", allow_redirects=False)
    return s.send(r.next, allow_redirects=False).status_code


@alike
def head_does_not_follow(s: Any, u: str) -> Any:
    r = s.head(f"{u}/hop")
    return r.status_code, r.history, r.content


@alike
def head_of_a_page(s: Any, u: str) -> Any:
    r = s.head(f"{u}/lines")
    return r.status_code, r.content, r.text, r.headers["Content-Length"]


@alike
def options_of_a_page(s: Any, u: str) -> Any:
    return s.options(f"{u}/echo").json()["method"]


for _code in (301, 302, 303, 307, 308):
    for _method in ("GET", "POST", "HEAD", *(("PUT", "DELETE") if _code > 302 else ())):  # the rest is in `differences`

        def _redirected(s: Any, u: str, code: int = _code, method: str = _method) -> Any:
            body = {"a": "1"} if method in ("POST", "PUT", "DELETE") else None
            r = s.request(method, f"{u}/redirect?code={code}", data=body, allow_redirects=True)
            return r.status_code, r.request.method, r.json() if method != "HEAD" else r.content

        ALIKE[f"redirect_{_code}_of_a_{_method}"] = _redirected


@alike
def raise_for_status_of_a_good_page(s: Any, u: str) -> Any:
    return s.get(f"{u}/echo").raise_for_status()


@alike
def raise_for_status_of_a_missing_page(s: Any, u: str) -> Any:
    s.get(f"{u}/gone").raise_for_status()


@alike
def raise_for_status_of_a_server_in_trouble(s: Any, u: str) -> Any:
    s.get(f"{u}/trouble").raise_for_status()


@alike
def raise_for_status_is_caught_with_its_response(s: Any, u: str) -> Any:
    try:
        s.get(f"{u}/refused").raise_for_status()
    except requests.HTTPError as error:
        return error.response.status_code, error.response.text, error.request.url, str(error)
    return None


@alike
def statuses_that_are_no_success(s: Any, u: str) -> Any:
    return [(s.get(f"{u}/{p}").status_code, s.get(f"{u}/{p}").ok) for p in ("refused", "gone", "trouble", "empty")]


@alike
def status_304(s: Any, u: str) -> Any:
    r = s.get(f"{u}/unchanged")
    return r.status_code, r.ok, r.content


@alike
def json_of_an_answer(s: Any, u: str) -> Any:
    return s.get(f"{u}/echo").json()["path"]


@alike
def json_that_is_broken(s: Any, u: str) -> Any:
    s.get(f"{u}/broken.json").json()


@alike
def json_of_an_empty_answer(s: Any, u: str) -> Any:
    s.get(f"{u}/empty").json()


@alike
def iter_content(s: Any, u: str) -> Any:
    r = s.get(f"{u}/lines")
    return list(r.iter_content(4)), list(r.iter_content(1)) == list(r), b"".join(r.iter_content(decode_unicode=False))


@alike
def iter_lines(s: Any, u: str) -> Any:
    r = s.get(f"{u}/lines")
    return list(r.iter_lines()), list(r.iter_lines(delimiter=b"o")), list(r.iter_lines(decode_unicode=True))


@alike
def streamed(s: Any, u: str) -> Any:
    with s.get(f"{u}/lines", stream=True) as r:
        return b"".join(r.iter_content(3))


@alike
def streamed_and_then_read(s: Any, u: str) -> Any:
    r = s.get(f"{u}/lines", stream=True)
    return r.content, r.text, list(r.iter_content(4))


@alike
def streamed_into_a_file_through_raw(s: Any, u: str) -> Any:
    file = io.BytesIO()
    with s.get(f"{u}/lines", stream=True) as r:
        r.raw.decode_content = True
        shutil.copyfileobj(r.raw, file)
    return file.getvalue(), r.raw.read()


@alike
def streamed_through_raw_in_pieces(s: Any, u: str) -> Any:
    r = s.get(f"{u}/lines", stream=True)
    return r.raw.read(3), r.raw.read(3, decode_content=True), list(r.raw.stream(4))


@alike
def raw_of_an_answer_that_was_read(s: Any, u: str) -> Any:
    return s.get(f"{u}/lines").raw.read()


@alike
def streamed_by_the_session(s: Any, u: str) -> Any:
    s.stream = True
    return s.get(f"{u}/lines").raw.read(3)


@alike
def streamed_lines(s: Any, u: str) -> Any:
    r = s.get(f"{u}/lines", stream=True)
    return [line for line in r.iter_lines() if line]


@alike
def links_of_the_header(s: Any, u: str) -> Any:
    return s.get(f"{u}/links").links, s.get(f"{u}/echo").links


@alike
def apparent_encoding(s: Any, u: str) -> Any:
    return s.get(f"{u}/german").apparent_encoding


@alike
def text_in_a_declared_charset(s: Any, u: str) -> Any:
    r = s.get(f"{u}/latin")
    return r.text


@alike
def text_after_the_encoding_was_set(s: Any, u: str) -> Any:
    r = s.get(f"{u}/latin")
    before = r.text
    r.encoding = "cp1253"
    return before, r.text


@alike
def elapsed_is_a_timedelta(s: Any, u: str) -> Any:
    r = s.get(f"{u}/echo")
    return type(r.elapsed).__name__, 0 < r.elapsed.total_seconds() < 60


@alike
def request_of_an_answer(s: Any, u: str) -> Any:
    r = s.post(f"{u}/echo?a=1", data={"b": "2"}, headers={"X-A": "1"}).request
    return r.method, r.url, r.path_url, r.body, r.headers["x-a"], r.headers["Content-Length"]


@alike
def request_of_an_answer_after_a_redirect(s: Any, u: str) -> Any:
    r = s.get(f"{u}/hop")
    return r.request.url, r.request.method, r.history[0].request.url


@alike
def response_as_a_context_and_closed(s: Any, u: str) -> Any:
    with s.get(f"{u}/lines") as r:
        inside = r.text
    r.close()
    return inside, r.text


@alike
def response_is_false_for_an_error(s: Any, u: str) -> Any:
    return bool(s.get(f"{u}/gone")), bool(s.get(f"{u}/echo"))


@alike
def response_is_pickled(s: Any, u: str) -> Any:
    r = pickle.loads(pickle.dumps(s.get(f"{u}/cookies")))  # noqa: S301 - our own bytes
    return r.status_code, r.url, r.json()["path"], r.headers["Content-Type"], r.cookies.get("csrftoken")


@alike
def headers_of_an_answer(s: Any, u: str) -> Any:
    h = s.get(f"{u}/links").headers
    return h["LINK"], h.get("link"), "lInK" in h, h.get("none"), sorted(k.lower() for k in h if k != "Date")


@alike
def raw_headers_through_raw(s: Any, u: str) -> Any:
    return s.get(f"{u}/cookies").raw.headers.getlist("Set-Cookie")
