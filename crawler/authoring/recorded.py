"""Recorded pages: the input and the results of a callback, as two files that can be read and edited.

``tests/pages/orders/orders-page-1.page.json`` has the callback, how the page was received and what was found on it;
the body is beside it as received, so that you can open it in a browser and cut it down in an editor.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import field, replace
from pathlib import Path
from typing import Any, Final

from crawler.errors import UsageError
from crawler.outcome import KeptPage
from crawler.plain_values import packed, unpacked
from crawler.quick_dataclass import quick_dataclass
from crawler.spider_names import valid_name
from crawler.stores.told_pages import StoredItem

FOLDER: Final = Path("tests/pages")
SUFFIX: Final = ".page.json"

_WORD: Final = re.compile(r"[A-Za-z0-9]+")
_LONGEST_NAME: Final = 80
_ENDINGS: Final = {
    "text/html": ".html",
    "application/xhtml+xml": ".html",
    "application/json": ".json",
    "application/xml": ".xml",
    "text/xml": ".xml",
    "text/csv": ".csv",
    "text/plain": ".txt",
}


@quick_dataclass(frozen=False)
class Yielded:
    """The results of a callback on a page.

    Attributes:
        items: In the order in which they were yielded, as they are read back from a store.
        requests: Each as JSON: URL, callback if it is not `parse`, and anything that a plain GET does not have.
        kept_aside: For each yielded object that is not a valid item, the reason.
        error: The exception it raised; "" for none.
    """

    items: list[StoredItem] = field(default_factory=list)
    requests: list[dict[str, Any]] = field(default_factory=list)
    kept_aside: list[str] = field(default_factory=list)
    error: str = ""


@quick_dataclass
class StillWanted:
    """The minimum results of a failed page whose right result is not known yet.

    Attributes:
        cause: Why it failed.
        fields: The fields that are filled on a good page, by kind of item; empty: any item or request is enough.
    """

    cause: str
    fields: Mapping[str, list[str]] = field(default_factory=dict)


@quick_dataclass
class RecordedPage:
    """A page as a test case.

    Attributes:
        url: What was requested.
        page: The answer, with secrets masked.
        arguments: Spider arguments (``-a``).
        expected: The results of its callback; for a failed page, what is required of them.
        file: Its file; None if it is not written yet.
    """

    spider: str
    url: str
    page: KeptPage
    expected: Yielded | StillWanted
    callback: str = "parse"
    session: str = "default"
    arguments: Mapping[str, str] = field(default_factory=dict)
    cb_kwargs: Mapping[str, Any] = field(default_factory=dict)
    meta: Mapping[str, Any] = field(default_factory=dict)
    file: Path | None = None

    @property
    def name(self) -> str:
        """Its name for users: the file name without the extension."""
        return self.file.name.removesuffix(SUFFIX) if self.file is not None else file_name(self.url)


def file_name(url: str) -> str:
    """A name for the page at *url*: ``http://shop.example/orders/?page=1`` is ``orders-page-1``."""
    rest = url.partition("://")[2]
    path = rest.partition("/")[2]
    return ("-".join(_WORD.findall(path)) or "-".join(_WORD.findall(rest)))[:_LONGEST_NAME].lower() or "page"


def write(case: RecordedPage, folder: Path) -> RecordedPage:
    """Write a page into ``folder/SPIDER/``; it replaces an earlier recording of the same page and callback.

    Args:
        folder: Folder of all recorded pages; created if missing.
    Returns:
        The page with its file.
    Raises:
        OSError: It cannot be written.
    """
    if case.file is None:
        case = replace(case, file=_free(case, folder / valid_name(case.spider)))
    file = case.file
    assert file is not None
    file.parent.mkdir(parents=True, exist_ok=True)
    body = file.with_name(file.name.removesuffix(SUFFIX) + _ending(case.page))
    _replace(body, case.page.body)
    _replace(file, (json.dumps(_as_json(case, body.name), indent=2, ensure_ascii=False) + "\n").encode())
    return case


def _free(case: RecordedPage, folder: Path) -> Path:
    """The file of the same page, else an unused one."""
    stem = file_name(case.url)
    mark = hashlib.blake2b(json.dumps(_asked(case), sort_keys=True).encode(), digest_size=3).hexdigest()
    for name in (stem, f"{stem}-{mark}"):
        path = folder / f"{name}{SUFFIX}"
        if not path.exists():
            return path
        try:
            known = read(path)
        except UsageError:
            continue
        if _asked(known) == _asked(case):
            return path
    return folder / f"{stem}-{mark}{SUFFIX}"


def _asked(case: RecordedPage) -> dict[str, Any]:
    """What distinguishes one page from another, without defaults."""
    found: dict[str, Any] = {"spider": case.spider, "url": case.url, "callback": case.callback}
    for name, usual in (("session", "default"), ("arguments", {}), ("cb_kwargs", {}), ("meta", {})):
        value = getattr(case, name)
        if value != usual:
            found[name] = dict(value) if isinstance(value, Mapping) else value
    return found


def _as_json(case: RecordedPage, body: str) -> dict[str, Any]:
    answer: dict[str, Any] = {"status": case.page.status, "body": body}
    if case.page.url and case.page.url != case.url:
        answer["url"] = case.page.url
    answer["headers"] = [list(pair) for pair in case.page.head]
    expected = case.expected
    if isinstance(expected, StillWanted):
        told: dict[str, Any] = {"failed": expected.cause, "wanted": dict(expected.fields)}
    else:
        told = {"gives": given_as_json(expected)}
    return {**_asked(case), "answer": answer, **told}


def given_as_json(given: Yielded) -> dict[str, Any]:
    """The results of a callback, for a file."""
    found: dict[str, Any] = {"items": [_item_as_json(item) for item in given.items], "requests": given.requests}
    return found | ({"kept aside": given.kept_aside} if given.kept_aside else {})


def _item_as_json(item: StoredItem) -> dict[str, Any]:
    key = {"key": item.key} if item.key else {}
    return {"kind": item.table, **key, "fields": {name: packed(value) for name, value in item.fields.items()}}


def _ending(page: KeptPage) -> str:
    kind = next((value for name, value in page.head if name.lower() == "content-type"), "")
    kind = kind.partition(";")[0].strip().lower()
    return _ENDINGS.get(kind, ".json" if kind.endswith("+json") else ".body")


def _replace(path: Path, data: bytes) -> None:
    """Write it completely or not at all."""
    part = path.with_name(f".{path.name}.part")
    try:
        part.write_bytes(data)
        os.replace(part, path)
    finally:
        part.unlink(missing_ok=True)


def read(file: Path) -> RecordedPage:
    """Reads a page from its file.

    Raises:
        UsageError: It is not a recorded page, or its body is missing; the message names the file.
    """
    try:
        found = json.loads(file.read_text(encoding="utf-8"))
        answer = found["answer"]
        head = [(str(name), str(value)) for name, value in answer["headers"]]
        body = file.with_name(Path(answer["body"]).name).read_bytes()
        page = KeptPage(body, head, str(answer.get("url") or found["url"]), int(answer["status"]))
        return RecordedPage(
            spider=str(found["spider"]),
            url=str(found["url"]),
            page=page,
            expected=_expected(found),
            callback=str(found.get("callback", "parse")),
            session=str(found.get("session", "default")),
            arguments={str(name): str(value) for name, value in found.get("arguments", {}).items()},
            cb_kwargs=dict(found.get("cb_kwargs", {})),
            meta=dict(found.get("meta", {})),
            file=file,
        )
    except OSError as error:
        raise UsageError(f"{error.filename}: {error.strerror}") from None
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise UsageError(f"{file} is not a recorded page: {type(error).__name__}: {error}") from None


def _expected(found: dict[str, Any]) -> Yielded | StillWanted:
    if "gives" not in found:
        return StillWanted(str(found["failed"]), {str(kind): list(names) for kind, names in found["wanted"].items()})
    gives = found["gives"]
    items = [
        StoredItem(
            str(item["kind"]),
            {name: unpacked(value) for name, value in item["fields"].items()},
            str(item.get("key", "")),
        )
        for item in gives["items"]
    ]
    return Yielded(
        items, [dict(each) for each in gives["requests"]], [str(each) for each in gives.get("kept aside", ())]
    )


def files_of(spider: str | None = None, folder: Path = FOLDER) -> Iterator[Path]:
    """The files of recorded pages of one spider, or of all, sorted by name."""
    where = folder / valid_name(spider) if spider is not None else folder
    yield from sorted(where.rglob(f"*{SUFFIX}"))
