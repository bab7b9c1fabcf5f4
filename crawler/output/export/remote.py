"""Remote files (extra `remote`): s3://, gs:// and whatever else fsspec knows. They appear once completely sent.

A killed upload leaves nothing visible to readers; parts of it may stay in the bucket until its rule for incomplete
uploads removes them.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, BinaryIO

import fsspec.core

from crawler.errors import CrawlError, TargetError
from crawler.output.export.formats import Format
from crawler.output.export.places import NEXT_TO_NOTHING_BYTES, compressed
from crawler.redaction import redact


def holds_something(address: str) -> bool:
    """Whether there is an object whose loss would matter."""
    system, path = _system(address)
    try:
        return int(system.info(path).get("size") or 0) > NEXT_TO_NOTHING_BYTES
    except FileNotFoundError:
        return False
    except Exception as error:  # each service has errors of its own
        raise TargetError(redact(address), str(error)) from error


@contextmanager
def opened(address: str, form: Format, compression: str) -> Iterator[BinaryIO | Path]:
    """Where a format writes to; the object is created when the block ends well."""
    with _stream(address) as file:
        if form.on_disk:
            with tempfile.TemporaryDirectory(prefix="crawl-export-") as folder:
                path = Path(folder) / "export"
                path.touch()
                yield path
                with open(path, "rb") as made:
                    shutil.copyfileobj(made, file, 1 << 20)
        else:
            with compressed(file, compression) as stream:
                yield stream


@contextmanager
def _stream(address: str) -> Iterator[Any]:
    system, path = _system(address)
    try:
        file = system.open(path, "wb", autocommit=False)
    except Exception as error:
        raise TargetError(redact(address), str(error)) from error
    try:
        yield file
        file.close()
        file.commit()
    except BaseException as error:
        file.closed = True  # it must not send the rest when it is discarded
        with suppress(Exception):
            file.discard()
        if isinstance(error, CrawlError) or not isinstance(error, Exception):
            raise
        raise TargetError(redact(address), str(error)) from error


def _system(address: str) -> tuple[Any, str]:
    try:
        system, path = fsspec.core.url_to_fs(address)
    except ImportError as error:
        raise TargetError(redact(address), str(error)) from None
    except Exception as error:
        raise TargetError(redact(address), str(error)) from error
    return system, str(path)
