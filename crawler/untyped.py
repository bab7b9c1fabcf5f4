"""Functions of requests that its stubs leave untyped, with types."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from requests import cookies, hooks, sessions

#: (jar, request, raw answer): takes the cookies of an answer into a jar
take_cookies: Callable[[Any, Any, Any], None] = cookies.extract_cookies_to_jar
#: (event, hooks, answer, options of the call): the answer as hooks leave it
dispatch_hook: Callable[..., Any] = hooks.dispatch_hook
#: (hooks of a request, hooks of its session)
merge_hooks: Callable[[Any, Any], Any] = sessions.merge_hooks
