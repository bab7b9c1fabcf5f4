"""What is sent, as users of requests say it."""

from __future__ import annotations

import io
from typing import Any

import requests
from requests.adapters import HTTPAdapter
from requests.auth import AuthBase, HTTPBasicAuth, HTTPDigestAuth

from .calls import ALIKE, alike, kinds_of


class Signed(AuthBase):
    """An auth as a user writes it."""

    def __call__(self, r: requests.PreparedRequest) -> requests.PreparedRequest:
        r.headers["X-A"] = "signed"
        return r


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
        return kinds_of(error)
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
