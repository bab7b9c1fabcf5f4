"""Addresses as hypothesis draws them: good, odd and broken ones."""

from __future__ import annotations

from hypothesis import strategies as st

PIECES = [
    "a",
    "B",
    "7",
    ".",
    "..",
    "-",
    "~",
    "%41",
    "%2f",
    "%C3%A9",
    "%c3",
    "%2B",
    "é",
    "'",
    "(",
    ";",
    ":",
    "@",
    "=",
    "+",
    ",",
    "!",
    "|",
    "%",
    "_",
]
paths = st.lists(st.sampled_from([*PIECES, "/", "/", "//"]), max_size=8).map("".join)
names = st.lists(st.sampled_from([*PIECES, "sid", "PHPSESSID", "cfid"]), max_size=3).map("".join)
queries = st.lists(st.tuples(names, st.sampled_from(["", "="]), names).map("".join), max_size=4).map("&".join)
hosts = st.sampled_from(
    [
        "a.example",
        "A.example",
        "localhost",
        "127.0.0.1",
        "127.1",
        "1.2",
        "a.0x7f",
        "256.1.1.1",
        "xn--bcher-kva.example",
        "a.xn--p1ai",
        "a.b.c.example",
        "a_b.example",
        "[::1]",
        "bücher.example",
        "a..b",
        "a-.example",
        "u:p@a.example",
    ]
)
ports = st.sampled_from(["", ":", ":80", ":443", ":8080", ":080", ":65535", ":65536", ":59999", ":1", ":801"])
addresses = st.builds(
    lambda scheme, host, port, path, query: f"{scheme}://{host}{port}{path}{query}",
    st.sampled_from(["http", "https", "HTTP"]),
    hosts,
    ports,
    paths.map(lambda path: f"/{path}" if path else ""),
    queries.map(lambda query: f"?{query}" if query else ""),
)
