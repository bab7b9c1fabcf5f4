"""Errors, as users of requests catch them."""

from __future__ import annotations

import pickle
from typing import Any

import requests

from .calls import alike, kinds_of


@alike
def error_of_a_refused_connection(s: Any, u: str) -> Any:
    try:
        s.get("http://localhost:9/")
    except requests.ConnectionError as error:
        return kinds_of(error)
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
        return kinds_of(error)
    return None


@alike
def error_of_a_server_that_is_silent(s: Any, u: str) -> Any:
    try:
        s.get(f"{u}/late", timeout=0.05)
    except requests.ReadTimeout as error:
        return kinds_of(error)
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
        return kinds_of(error)
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
        return kinds_of(again)
    return None


@alike
def error_of_a_status_is_pickled(s: Any, u: str) -> Any:
    try:
        s.get(f"{u}/gone").raise_for_status()
    except requests.HTTPError as error:
        again = pickle.loads(pickle.dumps(error))  # noqa: S301 - our own bytes
        return type(again).__name__, str(again)
    return None
