"""Which recorded requests only ask for something, so that sending them once more changes nothing. Pure.

Whoever looks at a page must not order anything by it: GET is asking, and a POST only where its text says so (GraphQL: a
query, as opposed to a mutation) or where the last part of its address is a word that can mean nothing else.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import urlsplit

from crawler.authoring.recorded_requests import SentRequest

_GRAPHQL: Final = re.compile(r"(?:\A|/)(?:graphql|gql)(?:/|\Z)", re.IGNORECASE)
_SEARCHES: Final = re.compile(r"/(?:_?m?search|find|lookup)/?\Z", re.IGNORECASE)
_CHANGE: Final = re.compile(r"\b(?:mutation|subscription)\b")
_BRACE: Final = re.compile(r"[{}]")


def only_asks(sent: SentRequest) -> bool:
    """Whether a request can be sent once more without anybody's order, and has an answer to look at."""
    if sent.method not in ("GET", "POST") or any(name.lower().endswith("method-override") for name, _ in sent.headers):
        return False
    if sent.method == "GET":
        return True
    path = urlsplit(sent.url).path
    if _GRAPHQL.search(path):
        return _is_graphql_query(sent.json)
    return is_search(sent.url)


def is_search(url: str) -> bool:
    """Whether the last word of an address says that a POST to it only asks."""
    return bool(_SEARCHES.search(urlsplit(url).path))


def is_query(operation: Any) -> bool:
    """Whether the body of a request is one operation of GraphQL, as text, which changes nothing."""
    return isinstance(operation, Mapping) and _is_graphql_query(operation)


def is_mutation(sent: SentRequest) -> bool:
    """Whether a request is GraphQL that changes something."""
    operations = sent.json if isinstance(sent.json, list) else [sent.json]
    texts = [each.get("query") for each in operations if isinstance(each, Mapping)]
    return any(isinstance(text, str) and _changes(text) for text in texts)


def _is_graphql_query(operations: Any) -> bool:
    """Whether each of the operations is there as text, and is a query: one that is only named may be anything."""
    listed = operations if isinstance(operations, list) else [operations]
    texts = [each.get("query") if isinstance(each, Mapping) else None for each in listed]
    return bool(texts) and all(isinstance(text, str) and text and not _changes(text) for text in texts)


def _changes(text: str) -> bool:
    """Whether an operation of a GraphQL document changes something: its kind stands before its first brace."""
    begun = 0
    for brace in _BRACE.finditer(text):
        if brace[0] == "{" and _CHANGE.search(text, begun, brace.start()) is not None:
            return True
        begun = brace.end()
    return False
