"""The libcurl of curl_cffi behind the names of pycurl: it speaks TLS and HTTP/2 as a certain browser does.

Its option and info numbers are those of every libcurl. Its own Python layer runs a transfer to its end; ours are
run in steps (`libcurl_handle`), so the few functions for that are taken from the binding below it. What only pycurl has
(sockets that we open ourselves) is left out: see `impersonating` for how addresses are checked then.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import curl_cffi
import pycurl
from curl_cffi._wrapper import ffi, lib
from curl_cffi.requests import impersonate

from crawler.errors import UsageError

_WITHOUT = frozenset({pycurl.OPENSOCKETFUNCTION, pycurl.SOCKOPTFUNCTION})
_FROM_PROFILE = frozenset({pycurl.USERAGENT, pycurl.HTTP_VERSION, pycurl.SSLVERSION})
_LISTS = {pycurl.HTTPHEADER: "_headers", pycurl.PROXYHEADER: "_proxy_headers", pycurl.RESOLVE: "_resolve"}
_SEEKDATA = 10_168  # CURLOPT_SEEKDATA; pycurl has no name for it
_NO_ACCEPT = b"Accept:"  # pycurl would send one of its own; a browser's is wanted
_DONE = 1  # CURLMSG_DONE


class Curl:
    """One easy handle. Used by one thread at a time."""

    def __init__(self, browser: str) -> None:
        """A handle that looks like the newest *browser* that curl_cffi knows. Raises pycurl.error and UsageError."""
        self.cffi: Any = curl_cffi.Curl()  # whose options may be numbers, too
        if not self.cffi._curl:
            raise pycurl.error(pycurl.E_FAILED_INIT, "no handle")
        newest: Any = impersonate.resolve_latest_browser_type
        if self.cffi.impersonate(newest(browser)):
            raise UsageError(f"curl_cffi does not know the browser {browser!r}")
        self.cffi.setopt(pycurl.HTTP_VERSION, pycurl.CURL_HTTP_VERSION_2TLS)  # no browser offers HTTP/2 without TLS

    def setopt(self, option: int, value: Any) -> None:
        """As in pycurl."""
        if option in _WITHOUT or option in _FROM_PROFILE:
            return
        if option in _LISTS:
            lib.curl_slist_free_all(getattr(self.cffi, _LISTS[option]))
            setattr(self.cffi, _LISTS[option], ffi.NULL)
            lines = [each if isinstance(each, bytes) else each.encode("latin-1") for each in value]
            value = [each for each in lines if each != _NO_ACCEPT]
        elif option in (pycurl.HEADERFUNCTION, pycurl.WRITEFUNCTION):
            value = _counted(value)
        elif option == pycurl.SEEKFUNCTION:
            option, value = _SEEKDATA, _Seeking(value)
        elif isinstance(value, str):
            value = value.encode()
        self.cffi.setopt(option, value)

    def unsetopt(self, option: int) -> None:
        """As in pycurl, for texts."""
        lib._curl_easy_setopt(self.cffi._curl, option, ffi.NULL)

    def getinfo(self, info: int) -> Any:
        """As in pycurl."""
        found = self.cffi.getinfo(info)
        return found.decode("latin-1") if isinstance(found, bytes) else found

    def close(self) -> None:
        """As in pycurl."""
        self.cffi.close()


class CurlMulti:
    """One multi handle with one easy handle. Used by one thread at a time."""

    def __init__(self) -> None:
        self._multi = lib.curl_multi_init()
        if self._multi == ffi.NULL:
            raise pycurl.error(pycurl.E_FAILED_INIT, "no handle")
        self._running, self._number = ffi.new("int *"), ffi.new("int *")
        self._error = ffi.new("char[]", 256)

    def setopt(self, option: int, value: Any) -> None:
        """As in pycurl; nothing else waits for its sockets."""
        if not callable(value):
            lib.curl_multi_setopt(self._multi, option, ffi.new("long *", value))

    def add_handle(self, curl: Curl) -> None:
        """As in pycurl."""
        curl.cffi._ensure_cacert()
        lib.curl_multi_add_handle(self._multi, curl.cffi._curl)
        self._curl = curl

    def remove_handle(self, curl: Curl) -> None:
        """As in pycurl."""
        lib.curl_multi_remove_handle(self._multi, curl.cffi._curl)

    def perform(self) -> tuple[int, int]:
        """As in pycurl."""
        code = lib.curl_multi_perform(self._multi, self._running)
        return code, self._running[0]

    def select(self, seconds: float) -> int:
        """As in pycurl; it waits without a socket, too."""
        lib.curl_multi_poll(self._multi, ffi.NULL, 0, max(int(seconds * 1000), 1), self._number)
        return int(self._number[0])

    def timeout(self) -> int:
        """As in pycurl; `select` heeds the times of libcurl."""
        return -1

    def info_read(self) -> tuple[int, list[Curl], list[tuple[Curl, int, str]]]:
        """As in pycurl."""
        failed: list[tuple[Curl, int, str]] = []
        while (message := lib.curl_multi_info_read(self._multi, self._number)) != ffi.NULL:
            if message.msg == _DONE and message.data.result:
                text = ffi.string(self._curl.cffi._error_buffer).decode("latin-1")
                text = text or ffi.string(lib.curl_easy_strerror(message.data.result)).decode()
                failed.append((self._curl, int(message.data.result), text))
        return 0, [], failed

    def close(self) -> None:
        """As in pycurl."""
        if self._multi is not None:
            lib.curl_multi_cleanup(self._multi)
            self._multi = None


class _Seeking:
    """What curl_cffi calls to go back in a body, wrapped around a pycurl callback."""

    def __init__(self, seek: Callable[[int, int], int]) -> None:
        self._seek = seek

    def seek(self, offset: int, origin: int) -> None:
        if self._seek(offset, origin) != pycurl.SEEKFUNC_OK:
            raise OSError("the body cannot be sent again")


def _counted(taken: Callable[[bytes], Any]) -> Callable[[bytes], int]:
    """A pycurl callback, where None means that all was taken, turned into a curl_cffi callback."""

    def take(data: bytes) -> int:
        return len(data) if taken(data) is None else _FAILED

    return take


_FAILED = 0xFFFFFFFF  # CURL_WRITEFUNC_ERROR
