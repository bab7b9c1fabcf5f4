"""Cookies, as users of requests read, set and delete them."""

from __future__ import annotations

from typing import Any

import requests

from .calls import alike


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
