"""What was asked of the server and by whom: one line of JSON a request, in access.log."""

import json
import threading
from collections.abc import Callable
from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse


class AccessLog:
    """A middleware, outside of all others."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self._get_response = get_response
        self._lock = threading.Lock()  # guards the file: one line at a time

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self._get_response(request)
        user: Any = getattr(request, "user", None)
        line = {
            "method": request.method,
            "path": request.get_full_path(),
            "status": response.status_code,
            "user": user.get_username() if user is not None else "",
        }
        with self._lock, open(settings.FOLDER / "access.log", "a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")
        return response
