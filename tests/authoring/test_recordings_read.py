"""Copied curl commands and HAR files: what is understood of them, and what becomes of broken ones."""

from __future__ import annotations

import ast
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from crawler.authoring.asking import only_asks
from crawler.authoring.from_recording import from_recording, source_of
from crawler.authoring.recorded_requests import SentRequest, from_curl, from_har
from crawler.errors import UsageError


@pytest.mark.parametrize(
    ("command", "asks"),
    [
        pytest.param("http://a.test/x -H 'Accept: a/b'", True, id="get"),
        pytest.param("-I http://a.test/x", False, id="head-has-no-body"),
        pytest.param("http://a.test/x -H 'X-HTTP-Method-Override: DELETE'", False, id="another-method-in-a-header"),
        pytest.param("http://a.test/i/_search -d '{}'", True, id="search"),
        pytest.param("http://a.test/saved_searches -d 'q=1'", False, id="saves-a-search"),
        pytest.param("http://a.test/playlist/add -d 'q=1'", False, id="add"),
        pytest.param("-X DELETE http://a.test/search", False, id="delete"),
        pytest.param("""http://a.test/graphql --json '{"query": "query Q { a }"}'""", True, id="query"),
        pytest.param("""http://a.test/graphql --json '[{"query": "{ a }"}, {"query": "{ b }"}]'""", True, id="queries"),
        pytest.param("""http://a.test/graphql --json '{"query": "mutation { drop }"}'""", False, id="mutation"),
        pytest.param(
            """http://a.test/api/graphql --json '[{"query": "{ a }"}, {"query": "# all\nmutation M($a: I) {b}"}]'""",
            False,
            id="mutation-among-queries",
        ),
        pytest.param("""http://a.test/graphql --json '{"operationName": "Drop"}'""", False, id="only-named"),
        pytest.param("""http://a.test/graphql -d 'query={a}'""", False, id="as-a-form"),
    ],
)
def test_only_a_request_that_asks_is_sent_once_more(command: str, asks: bool) -> None:
    assert only_asks(from_curl(f"curl {command}")[0]) == asks


@pytest.mark.parametrize(
    ("command", "wanted", "left_out"),
    [
        pytest.param("curl a.test/x", SentRequest("GET", "http://a.test/x"), [], id="no-scheme"),
        pytest.param(
            "$ curl -sSL -XPUT 'https://a.test/' -d 'a=1' -d b=2",
            SentRequest("PUT", "https://a.test/", body="a=1&b=2", fields=[("a", "1"), ("b", "2")]),
            [],
            id="joined",
        ),
        pytest.param(
            "curl -G https://a.test/?q=1 --data-urlencode 'w=a b'",
            SentRequest("GET", "https://a.test/?q=1&w=a+b"),
            [],
            id="get",
        ),
        pytest.param(
            "curl 'https://ann:pw@a.test/' -x http://p:1 --cert c.pem",
            SentRequest("GET", "https://a.test/", basic=("ann", "pw")),
            ["option --proxy: `-s proxy=...` does it", "option --cert"],
            id="user-in-address",
        ),
        pytest.param(
            """curl https://a.test/ --json '{"a": 1}' -F f=@file -b jar.txt -d @body""",
            SentRequest(
                "POST", "https://a.test/", body='{"a": 1}', json={"a": 1},
                headers=[("Content-Type", "application/json"), ("Accept", "application/json")],
            ),
            ["the file of form field f", "cookies from a file; `crawl sessions import` reads it", "a body from a file"],
            id="json-and-files",
        ),
    ],
)  # fmt: skip
def test_a_curl_command_is_understood_or_the_unknown_part_is_named(
    command: str, wanted: SentRequest, left_out: list[str]
) -> None:
    assert from_curl(command) == (wanted, left_out)


KEY = "abcdef123456"
KEYS = {
    "token": (f"-H 'Authorization: Token {KEY}'", {"token": KEY}, 'scheme="Token"'),
    "header": (f"-H 'X-Api-Key: {KEY}'", {"x_api_key": KEY}, 'session.headers["X-Api-Key"]'),
    "query": (f"-G -d api_key={KEY} -d page=1", {"api_key": KEY}, 'session.params["api_key"]'),
    "basic": (f"-u ann:{KEY}", {"username": "ann", "password": KEY}, "session.auth = ("),
    "cookie": (f"-b 'sid={KEY}'", {"cookie": f"sid={KEY}"}, "session.cookies.set("),
    "body": (f"-d 'q=1&token={KEY}'", {}, "data=[('q', '1')]"),
    "elsewhere": (f"-H 'X-Trace: {KEY}' -u a:{KEY}", {"username": "a", "password": KEY}, "'X-Trace': '***'"),
}


@pytest.mark.parametrize(("options", "secrets", "line"), KEYS.values(), ids=KEYS)
def test_no_secret_of_a_command_gets_into_the_source(options: str, secrets: dict[str, str], line: str) -> None:
    recording = from_recording("s", [from_curl(f"curl https://a.test/o {options}")[0]])

    source = source_of(recording)

    ast.parse(source)
    assert recording.secrets == secrets
    assert line in source
    assert KEY not in source + repr(recording)


@pytest.mark.parametrize("data", [None, [], {"log": {}}, {"log": {"entries": [1, {"request": {"url": 3}}]}}])
def test_broken_recordings_are_refused(data: Any) -> None:
    with pytest.raises(UsageError):
        from_recording("s", *from_har(data))


HAR_WORDS = st.sampled_from(
    ["name", "value", "text", "params", "mimeType", "content", "status", "headers", "password", "user"]
)
CURL_WORDS = st.sampled_from(
    [
        "http://a.test/",
        "-H",
        "'A: b'",
        "-d",
        "'password=x&user=y'",
        "--json",
        "'{}'",
        "-b",
        "'a=b'",
        "-u",
        "a:b",
        "-X",
        "-F",
        "a=@b",
    ]
)
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8) | st.just("http://a.test/x?token=1"),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8) | HAR_WORDS, inner, max_size=4),
    max_leaves=12,
)


@settings(max_examples=60)
@given(
    entries=st.lists(
        st.fixed_dictionaries(
            {
                "request": st.fixed_dictionaries(
                    {"url": st.sampled_from(["http://a.test/", "https://a.test/login?x", "x", "ftp://b/"])},
                    optional={"method": json_values, "headers": json_values, "postData": json_values},
                )
            },
            optional={"response": json_values},
        )
        | json_values,
        max_size=4,
    )
)
@example([{"request": {"url": "http://a.test/"}, "response": {"status": [None]}}])
@example([{"request": {"url": "http://a.test/"}, "response": {"status": "200 OK"}}])
def test_any_json_in_a_recording_makes_a_spider_or_one_line(entries: list[Any]) -> None:
    try:
        recording = from_recording("s", *from_har({"log": {"entries": entries}}))
    except UsageError:
        return
    ast.parse(source_of(recording))


@settings(max_examples=60)
@given(words=st.lists(st.text(max_size=12) | CURL_WORDS, max_size=8))
def test_any_command_makes_a_spider_or_one_line(words: list[str]) -> None:
    try:
        sent, left_out = from_curl(" ".join(["curl", *words]))
        recording = from_recording("s", [sent], left_out)
    except UsageError:
        return
    ast.parse(source_of(recording))
