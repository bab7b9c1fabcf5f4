"""Calls that users of requests write, each with what it gives as a plain value. `s` is a session, `u` the server."""

from __future__ import annotations

import io
import pickle
import shutil
from collections.abc import Callable
from typing import Any

import requests
from requests.adapters import HTTPAdapter
from requests.auth import AuthBase, HTTPBasicAuth, HTTPDigestAuth

Call = Callable[[Any, str], Any]

ALIKE: dict[str, Call] = {}


def alike(call: Call) -> Call:
    """Both have to give the same."""
    ALIKE[call.__name__] = call
    return call


class Signed(AuthBase):
    """An auth as a user writes it."""

    def __call__(self, r: requests.PreparedRequest) -> requests.PreparedRequest:
        r.headers["X-A"] = "signed"
        return r


# --- cookies ----------------------------------------------------------------------------------------------------------


@alike
def cookies_of_an_answer(s: Any, u: str) -> Any:
    jar = s.get(f"{u}/cookies").cookies
    return jar["csrftoken"], dict(jar), jar.get("none"), "csrftoken" in jar, len(jar), sorted(jar.keys())


@alike
def cookies_of_an_answer_as_objects(s: Any, u: str) -> Any:
    return sorted((c.name, c.value, c.domain, c.path, bool(c.expires)) for c in s.get(f"{u}/cookies").cookies)


@alike
def cookies_of_an_answer_without_any(s: Any, u: str) -> Any:
    s.cookies.set("mine", "1")
    return dict(s.get(f"{u}/echo").cookies), bool(s.get(f"{u}/echo").cookies)


@alike
def cookies_of_the_answers_before_redirects(s: Any, u: str) -> Any:
    answer = s.get(f"{u}/hop")
    return [dict(each.cookies) for each in answer.history], dict(answer.cookies), s.cookies.get_dict()


@alike
def cookies_that_an_answer_takes_back(s: Any, u: str) -> Any:
    s.get(f"{u}/cookies")
    return dict(s.get(f"{u}/forget").cookies), s.cookies.get("csrftoken")


@alike
def cookies_of_an_answer_as_a_dict_and_in_another_request(s: Any, u: str) -> Any:
    found = requests.utils.dict_from_cookiejar(s.get(f"{u}/cookies").cookies)
    return found, s.get(f"{u}/echo", cookies={"again": found["csrftoken"]}).json()["cookie"].split("; ")[-1]


@alike
def cookies_of_the_session_by_name(s: Any, u: str) -> Any:
    s.get(f"{u}/cookies")
    return s.cookies["csrftoken"], s.cookies.get("none", "default"), "csrftoken" in s.cookies


@alike
def cookies_missing_by_name(s: Any, u: str) -> Any:
    return s.cookies["none"]


@alike
def cookies_of_an_answer_missing_by_name(s: Any, u: str) -> Any:
    return s.get(f"{u}/echo").cookies["none"]


@alike
def cookies_set_by_hand(s: Any, u: str) -> Any:
    s.cookies["a"] = "1"
    s.cookies.set("b", "2")
    s.cookies.update({"c": "3"})
    return sorted(s.get(f"{u}/echo").json()["cookie"].split("; "))


@alike
def cookies_deleted_by_hand(s: Any, u: str) -> Any:
    s.cookies.update({"a": "1", "b": "2"})
    del s.cookies["a"]
    s.cookies.set("b", None)
    return s.get(f"{u}/echo").json()["cookie"], len(s.cookies)


@alike
def cookies_cleared(s: Any, u: str) -> Any:
    s.get(f"{u}/cookies")
    s.cookies.clear()
    return s.get(f"{u}/echo").json()["cookie"]


@alike
def cookies_with_one_request(s: Any, u: str) -> Any:
    return s.get(f"{u}/echo", cookies={"once": "1"}).json()["cookie"], s.get(f"{u}/echo").json()["cookie"]


@alike
def cookies_in_a_header_of_one_request(s: Any, u: str) -> Any:
    return s.get(f"{u}/echo", headers={"Cookie": "by=hand"}).json()["cookie"]


@alike
def cookies_from_a_dict_as_the_jar(s: Any, u: str) -> Any:
    s.cookies = requests.utils.cookiejar_from_dict({"a": "1"})
    return s.get(f"{u}/echo").json()["cookie"]


@alike
def cookies_of_an_answer_copied_into_the_session(s: Any, u: str) -> Any:
    answer = s.get(f"{u}/cookies")
    s.cookies.clear()
    s.cookies.update(answer.cookies)
    return sorted(s.cookies.get_dict())


# --- what a response is -----------------------------------------------------------------------------------------------


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


# --- what is sent -----------------------------------------------------------------------------------------------------

_BODIES: dict[str, dict[str, Any]] = {
    "dict": {"data": {"a": "1", "b": "x y"}},
    "list_value": {"data": {"a": ["1", "2"]}},
    "pairs": {"data": [("a", "1"), ("a", "2")]},
    "text": {"data": "plain"},
    "bytes": {"data": b"\x00\xff"},
    "number": {"data": {"a": 1, "b": 2.5}},
    "none_value": {"data": {"a": None, "b": "1"}},
    "umlaut": {"data": {"a": "\u00fc"}},
    "empty_dict": {"data": {}},
    "json": {"json": {"a": [1, None, "\u00fc"]}},
    "json_list": {"json": [1]},
    "json_empty": {"json": {}},
    "json_and_data": {"json": {"a": 1}, "data": {"b": "2"}},
    "files_bytes": {"files": {"f": b"hello"}},
    "files_tuple": {"files": {"f": ("a.txt", b"hello")}},
    "files_with_type": {"files": {"f": ("a.csv", "x,y", "text/csv", {"X-A": "1"})}},
    "files_list": {"files": [("f", ("a.txt", b"1")), ("g", ("b.txt", b"2"))]},
    "files_and_data": {"files": {"f": ("a.txt", b"1")}, "data": {"a": "1", "b": ["2", "3"]}},
    "files_none_name": {"files": {"f": (None, "value")}},
}
for _name, _how in _BODIES.items():
    ALIKE[f"post_{_name}"] = lambda s, u, how=_how: s.post(f"{u}/echo", **how).json()


@alike
def post_an_open_file(s: Any, u: str) -> Any:
    return s.post(f"{u}/echo", data=io.BytesIO(b"from a file")).json()


@alike
def post_a_file_object_as_files(s: Any, u: str) -> Any:
    return s.post(f"{u}/echo", files={"f": io.BytesIO(b"from a file")}).json()


@alike
def post_positional(s: Any, u: str) -> Any:
    return s.post(f"{u}/echo", {"a": "1"}).json()["body"], s.post(f"{u}/echo", None, {"a": 1}).json()["body"]


@alike
def put_patch_delete(s: Any, u: str) -> Any:
    return (
        s.put(f"{u}/echo", data={"a": "1"}).json(),
        s.patch(f"{u}/echo", json={"a": "1"}).json(),
        s.delete(f"{u}/echo").json(),
        s.put(f"{u}/echo", b"raw").json()["body"],
    )


@alike
def request_with_a_method_in_small_letters(s: Any, u: str) -> Any:
    return s.request("post", f"{u}/echo", data={"a": "1"}).json()["method"]


_PARAMS: dict[str, Any] = {
    "dict": {"a": "1", "b": None},
    "list": {"a": ["1", "2"]},
    "pairs": [("a", "1"), ("a", "2")],
    "text": "raw=1",
    "umlaut": {"q": "gr\u00fcn & blau"},
    "number": {"page": 2},
    "empty": {},
}
for _name, _params in _PARAMS.items():
    ALIKE[f"params_{_name}"] = lambda s, u, p=_params: s.get(f"{u}/echo?z=0", params=p).json()["query"]


@alike
def params_of_the_session(s: Any, u: str) -> Any:
    s.params = {"lang": "de"}
    return [
        s.get(f"{u}/echo", params=p).json()["query"] for p in (None, {"a": "1"}, {"lang": "fr"}, {"lang": None}, {})
    ]


@alike
def params_of_the_session_updated(s: Any, u: str) -> Any:
    s.params.update({"a": "1"})
    return s.get(f"{u}/echo").json()["query"]


@alike
def headers_of_the_session_and_of_a_request(s: Any, u: str) -> Any:
    s.headers["X-A"] = "session"
    s.headers.update({"x-late": "1"})
    return [
        (s.get(f"{u}/echo", headers=h).json()["x-a"], s.get(f"{u}/echo", headers=h).json()["x-late"])
        for h in (None, {"x-a": "call"}, {"X-A": None})
    ]


@alike
def headers_deleted_from_the_session(s: Any, u: str) -> Any:
    s.headers["X-A"] = "1"
    del s.headers["x-a"]
    return s.get(f"{u}/echo").json()["x-a"]


@alike
def range_of_a_page(s: Any, u: str) -> Any:
    return s.get(f"{u}/echo", headers={"Range": "bytes=0-3"}).json()["range"]


@alike
def auth_as_a_tuple(s: Any, u: str) -> Any:
    return s.get(f"{u}/echo", auth=("ann", "pass word")).json()["authorization"]


@alike
def auth_of_the_session_as_a_tuple(s: Any, u: str) -> Any:
    s.auth = ("ann", "pw")
    return s.get(f"{u}/echo").json()["authorization"], s.auth


@alike
def auth_of_the_session_and_another_in_the_call(s: Any, u: str) -> Any:
    s.auth = ("ann", "pw")
    return s.get(f"{u}/echo", auth=HTTPBasicAuth("bob", "x")).json()["authorization"]


@alike
def auth_by_digest(s: Any, u: str) -> Any:
    r = s.get(f"{u}/digest", auth=HTTPDigestAuth("ann", "pw"))
    return r.status_code, r.json()["authorization"], [h.status_code for h in r.history]


@alike
def auth_of_ones_own(s: Any, u: str) -> Any:
    return s.get(f"{u}/echo", auth=Signed()).json()["x-a"]


@alike
def auth_as_a_function(s: Any, u: str) -> Any:
    def sign(r: requests.PreparedRequest) -> requests.PreparedRequest:
        r.headers["X-A"] = "f"
        return r

    return s.get(f"{u}/echo", auth=sign).json()["x-a"]


@alike
def auth_in_the_address(s: Any, u: str) -> Any:
    return s.get(u.replace("://", "://ann:pw@") + "/echo").json()["authorization"]


@alike
def hook_in_the_call(s: Any, u: str) -> Any:
    seen: list[Any] = []
    s.get(f"{u}/hop", hooks={"response": lambda r, *a, **k: seen.append((r.status_code, sorted(k)))})
    return seen


@alike
def hook_of_the_session(s: Any, u: str) -> Any:
    seen: list[int] = []
    s.hooks["response"].append(lambda r, *a, **k: seen.append(r.status_code))
    s.get(f"{u}/echo")
    s.get(f"{u}/gone")
    return seen


@alike
def hook_as_a_plain_function(s: Any, u: str) -> Any:
    seen: list[int] = []
    s.hooks = {"response": lambda r, *a, **k: seen.append(r.status_code)}
    s.get(f"{u}/echo")
    return seen


@alike
def hook_that_raises_for_status(s: Any, u: str) -> Any:
    s.hooks["response"] = [lambda r, *a, **k: r.raise_for_status()]
    s.get(f"{u}/gone")


@alike
def hook_that_gives_another_answer(s: Any, u: str) -> Any:
    def other(r: Any, *a: Any, **k: Any) -> Any:
        made = requests.Response()
        made.status_code, made._content, made.url, made.request = 299, b"other", r.url, r.request
        return made

    r = s.get(f"{u}/echo", hooks={"response": other})
    return r.status_code, r.content


@alike
def prepared_and_sent(s: Any, u: str) -> Any:
    s.headers["X-A"] = "1"
    prepared = s.prepare_request(requests.Request("POST", f"{u}/echo", data={"a": "1"}, params={"p": "2"}))
    prepared.headers["X-Late"] = "yes"
    r = s.send(prepared, timeout=(3, 5), allow_redirects=False, stream=False, verify=True)
    return r.json(), prepared.method, prepared.url, prepared.body


@alike
def prepared_by_the_request_itself(s: Any, u: str) -> Any:
    return s.send(requests.Request("GET", f"{u}/echo", headers={"X-A": "1"}).prepare()).json()["x-a"]


@alike
def prepared_and_changed(s: Any, u: str) -> Any:
    prepared = s.prepare_request(requests.Request("GET", f"{u}/echo"))
    prepared.prepare_body({"a": "1"}, None)
    prepared.method = "POST"
    copied = prepared.copy()
    return s.send(copied).json()["body"]


@alike
def prepared_with_cookies(s: Any, u: str) -> Any:
    s.cookies.set("mine", "1")
    prepared = s.prepare_request(requests.Request("GET", f"{u}/echo", cookies={"once": "2"}))
    return sorted(prepared.headers["Cookie"].split("; ")), sorted(s.send(prepared).json()["cookie"].split("; "))


@alike
def session_as_a_context(s: Any, u: str) -> Any:
    with s as inside:
        return inside is s, inside.get(f"{u}/echo").status_code


@alike
def session_after_close(s: Any, u: str) -> Any:
    s.close()
    return s.get(f"{u}/echo").status_code


@alike
def session_attributes(s: Any, u: str) -> Any:
    return s.verify, s.cert, s.auth, s.proxies, s.stream, sorted(s.adapters), s.hooks


@alike
def a_mounted_adapter(s: Any, u: str) -> Any:
    s.mount(f"{u}/echo", HTTPAdapter(max_retries=1))
    return s.get(f"{u}/echo").json()["path"], s.get_adapter(f"{u}/echo").max_retries.total


@alike
def max_redirects(s: Any, u: str) -> Any:
    s.max_redirects = 3
    try:
        s.get(f"{u}/loop")
    except requests.TooManyRedirects as error:
        return _kinds(error)
    return None


@alike
def max_redirects_that_are_just_enough(s: Any, u: str) -> Any:
    s.max_redirects = 2
    return s.get(f"{u}/hop").status_code


@alike
def fragment_of_an_address(s: Any, u: str) -> Any:
    return s.get(f"{u}/echo?a=1#top").json()["query"], s.get(f"{u}/fragment").json()["query"]


@alike
def address_as_bytes(s: Any, u: str) -> Any:
    return s.get(f"{u}/echo".encode()).json()["path"]


@alike
def address_with_dots(s: Any, u: str) -> Any:
    return s.get(f"{u}/a/../echo").json()["path"]


@alike
def address_with_spaces_and_umlauts(s: Any, u: str) -> Any:
    r = s.get(f"{u}/a b/\u00fc?q=\u00fc x")
    return r.json()["path"], r.json()["query"], r.url


@alike
def timeouts(s: Any, u: str) -> Any:
    return [s.get(f"{u}/echo", timeout=t).status_code for t in (5, 5.5, (3, 5), (None, 5), None)]


@alike
def verify_and_cert_and_proxies_in_the_call(s: Any, u: str) -> Any:
    return s.get(f"{u}/echo", verify=False, cert=None, proxies={}).status_code


# --- errors -----------------------------------------------------------------------------------------------------------


def _kinds(error: Exception) -> list[str]:
    kinds = ("ConnectionError", "Timeout", "TooManyRedirects", "InvalidURL", "HTTPError", "RequestException")
    return [
        kind for kind in kinds if isinstance(error, getattr(requests, kind, None) or requests.exceptions.InvalidURL)
    ]


@alike
def error_of_a_refused_connection(s: Any, u: str) -> Any:
    try:
        s.get("http://localhost:9/")
    except requests.ConnectionError as error:
        return _kinds(error)
    return None


@alike
def error_of_an_unknown_scheme(s: Any, u: str) -> Any:
    try:
        s.get("gopher://localhost/")
    except requests.RequestException as error:
        return isinstance(error, ValueError)
    return None


@alike
def error_of_an_address_without_scheme(s: Any, u: str) -> Any:
    try:
        s.get("localhost/x")
    except requests.RequestException as error:
        return isinstance(error, ValueError)
    return None


@alike
def error_of_too_many_redirects(s: Any, u: str) -> Any:
    try:
        s.get(f"{u}/loop")
    except requests.TooManyRedirects as error:
        return _kinds(error)
    return None


@alike
def error_of_a_server_that_is_silent(s: Any, u: str) -> Any:
    try:
        s.get(f"{u}/late", timeout=0.05)
    except requests.ReadTimeout as error:
        return _kinds(error)
    return None


@alike
def error_of_a_body_that_breaks_off(s: Any, u: str) -> Any:
    try:
        s.get(f"{u}/cut")
    except (requests.exceptions.ChunkedEncodingError, requests.ConnectionError):
        return "caught"
    return None


@alike
def error_of_an_unknown_host(s: Any, u: str) -> Any:
    try:
        s.get("http://no-such-host.invalid/")
    except requests.ConnectionError as error:
        return _kinds(error)
    return None


@alike
def error_caught_as_os_error(s: Any, u: str) -> Any:
    try:
        s.get("http://localhost:9/")
    except OSError:
        return "caught"
    return None


@alike
def error_is_pickled(s: Any, u: str) -> Any:
    try:
        s.get("http://localhost:9/")
    except requests.ConnectionError as error:
        again = pickle.loads(pickle.dumps(error))  # noqa: S301 - our own bytes
        return _kinds(again)
    return None


@alike
def error_of_a_status_is_pickled(s: Any, u: str) -> Any:
    try:
        s.get(f"{u}/gone").raise_for_status()
    except requests.HTTPError as error:
        again = pickle.loads(pickle.dumps(error))  # noqa: S301 - our own bytes
        return type(again).__name__, str(again)
    return None
