"""One typed Settings: what a run may be told, with units, bounds and help.

Later sources win: defaults, then ``[tool.crawl]`` in pyproject.toml, the spider's ``custom_settings``, variables
``CRAWL_<NAME>``, and the command line. Keys are the short words that a person types after ``-s``; Scrapy's names are
understood where they mean the same. Values are seconds and bytes, as each field's help says.
"""

from __future__ import annotations

import os
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, ValidationError
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from crawler.errors import SettingsError

SCRAPY_NAMES: dict[str, str] = {
    "AUTOTHROTTLE_ENABLED": "throttle",
    "CLOSESPIDER_PAGECOUNT": "max_pages",
    "CLOSESPIDER_TIMEOUT": "max_time",
    "CONCURRENT_REQUESTS": "workers",
    "CONCURRENT_REQUESTS_PER_DOMAIN": "per_host",
    "DEFAULT_REQUEST_HEADERS": "headers",
    "DEPTH_LIMIT": "max_depth",
    "DOWNLOAD_DELAY": "delay",
    "DOWNLOAD_MAXSIZE": "max_size",
    "DOWNLOAD_TIMEOUT": "deadline",
    "LOG_FILE": "log_file",
    "LOG_LEVEL": "log_level",
    "RETRY_HTTP_CODES": "retry_statuses",
    "RETRY_TIMES": "retries",
    "ROBOTSTXT_OBEY": "robots",
    "USER_AGENT": "user_agent",
}

#: settings whose value is a secret: the address of a webhook is all that it takes to write there
SECRET_SETTINGS = frozenset({"notify", "ping"})

DEFAULT_USER_AGENT = "crawl-sessions/0.1"


class Settings(BaseSettings):
    """Everything that a run may be told. Immutable; safe from any thread."""

    model_config = SettingsConfigDict(env_prefix="CRAWL_", extra="forbid", frozen=True, validate_default=True)

    store: str = Field("data/crawl.db", description="File of the database.")
    workers: int = Field(
        16,
        ge=1,
        le=512,
        description="Pages that one process has under way at once, at most; and the most threads that run callbacks.",
    )
    processes: int = Field(
        0,
        ge=0,
        le=64,
        description="Processes that share the store, each with its own workers; 0: as cores and delays allow.",
    )
    delay: float = Field(0.0, ge=0, le=86_400, description="Seconds between two requests to one host.")
    jitter: float = Field(0.0, ge=0, le=1, description="Share of the delay that is added at random, 0 to 1.")
    per_host: int = Field(8, ge=1, le=512, description="Connections at once to one host, of all processes together.")
    throttle: bool = Field(True, description="Slow down by itself on 429 and 503 answers and on rising latency.")
    timeout: float = Field(30.0, gt=0, le=3600, description="Seconds to connect, and between two reads.")
    deadline: float = Field(120.0, gt=0, le=86_400, description="Seconds for one request from start to last byte.")
    min_speed: int = Field(50, ge=0, description="Bytes a second below which an answer is given up; 0 for any.")
    retries: int = Field(4, ge=0, le=100, description="Further tries after a first one failed.")
    retry_statuses: tuple[int, ...] = Field(
        (408, 425, 429, 500, 502, 503, 504, 520, 521, 522, 523, 524), description="Statuses that are tried again."
    )
    backoff: float = Field(1.0, gt=0, le=3600, description="Seconds of the first wait before another try.")
    max_backoff: float = Field(600.0, gt=0, le=86_400, description="Longest wait before another try, in seconds.")
    max_retry_after: float = Field(
        21_600.0, gt=0, le=604_800, description="Longest Retry-After that is obeyed, in seconds."
    )
    max_redirects: int = Field(20, ge=0, le=100, description="Redirects followed for one request.")
    robots: bool = Field(True, description="Obey robots.txt.")
    max_depth: int = Field(0, ge=0, description="Links followed from a start URL; 0 for no limit.")
    max_pages: int = Field(0, ge=0, description="Pages of this run after which it stops; 0 for no limit.")
    max_time: float = Field(0.0, ge=0, description="Seconds after which the run stops; 0 for no limit.")
    min_items: int = Field(
        1, ge=0, description="Items that a crawl must have stored to count as good; 0 for a spider that yields none."
    )
    min_share: float = Field(
        0.5,
        ge=0,
        le=1,
        description="Share of the median of the last ten complete crawls at which, and below which, items and filled"
        " fields are told; 0: nothing is compared.",
    )
    fields: dict[str, float] = Field(
        default_factory=dict,
        description='Share of the items in which a field must be filled (JSON), such as {"price": 0.9}.',
    )
    max_error_rate: float = Field(
        0.0, ge=0, le=1, description="Share of the requests that may fail without the run being called `failures`."
    )
    accept: bool = Field(
        False, description="Take what this run brings for right: nothing is compared, and later runs are with it."
    )
    may_be_empty: tuple[str, ...] = Field(
        (), description="Fields that may be empty in every item of a run, without a note; * for all of them."
    )
    max_size: int = Field(32 * 1024 * 1024, ge=1024, description="Largest decoded body in bytes.")
    files: str = Field("", description="Folder of fetched files; empty: `files` beside the database.")
    max_file_size: int = Field(2 * 1024**3, ge=1024, description="Largest file in bytes.")
    file_deadline: float = Field(
        3600.0,
        gt=0,
        le=604_800,
        description="Seconds for one try to fetch a file; the next one goes on where it ended.",
    )
    max_image_pixels: int = Field(
        178_956_970, ge=1, description="Largest image, in pixels as its head says; a larger one is refused."
    )
    max_pages_per_host: int = Field(
        200_000, ge=0, description="Pages of one host that a process takes in one run; 0 for no limit."
    )
    traps: bool = Field(True, description="Rules against endless URL spaces (calendars, growing paths).")
    logout_guard: bool = Field(
        True, description="Do not follow links that log out, delete or unsubscribe in a logged-in session."
    )
    upgrade: bool = Field(
        False, description="Ask for https where a page links to plain http on a host of an https start URL."
    )
    user_agent: str = Field(
        DEFAULT_USER_AGENT, description="User-Agent of sessions that name none; say in it who you are."
    )
    headers: dict[str, str] = Field(default_factory=dict, description="Default headers of every session (JSON).")
    proxy: str = Field("", description="Proxy for all requests, such as http://127.0.0.1:3128.")
    verify: bool | str = Field(True, description="Verify certificates: true, false, or the path of a CA file.")
    allow_private: bool = Field(False, description="Let public pages send us to private addresses.")
    transport: Literal["curl", "urllib3"] = Field("curl", description="Engine below the requests sessions.")
    durability: Literal["normal", "full"] = Field(
        "normal", description="full: every commit survives a power cut; normal: the last ones may be lost then."
    )
    http_cache: Literal["off", "validate", "rfc"] = Field(
        "validate",
        description="Pages that an earlier crawl has seen: validate: ask whether they have changed, where their server"
        " gave an ETag or a Last-Modified; rfc: and do not ask while Cache-Control or Expires says that they are fresh;"
        " off: ask for all as if nobody had been there.",
    )
    full: bool = Field(False, description="Ask for all pages of this run as wholes, whatever is known of them.")
    keep_pages: bool = Field(
        False, description="Keep the pages themselves in the store, for `crawl parse` and `crawl page`."
    )
    sessions: str = Field("", description="Names of sessions, separated by commas; replaces the spider's.")
    accounts: str = Field("", description="File of mode 0600 with credentials (TOML, one table a session).")
    login_budget: int = Field(
        6,
        ge=1,
        le=1000,
        description="Most logins of one account in an hour that sent credentials and did not succeed.",
    )
    probe_every: int = Field(200, ge=0, description="Unproven pages of a session before it is probed again; 0: never.")
    grace: float = Field(15.0, ge=0, le=3600, description="Seconds that requests in flight get when a run is stopped.")
    lease: float = Field(90.0, ge=1, le=86_400, description="Seconds after which a dead process's requests are free.")
    busy_timeout: float = Field(60.0, gt=0, le=86_400, description="Seconds to wait for a locked database.")
    callback_time: float = Field(60.0, gt=0, description="Seconds after which a callback is reported as slow.")
    notify: str = Field(
        "",
        description="Who is told how a run went: addresses of webhooks (https://), or of services that apprise knows"
        " (extra notify), with blanks between them.",
    )
    notify_on: str = Field(
        "failure,recovery,parked", description="Of what: failure, recovery, parked, success, with commas between them."
    )
    ping: str = Field(
        "", description="Address of a dead man's switch: asked for after each good run, with {exit_code} after each."
    )
    metrics_file: str = Field(
        "",
        description="File for Prometheus's textfile collector, written after each run; {spider}: its name.",
    )
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = Field("INFO", description="Least level that is logged.")
    log_format: Literal["text", "json"] = Field("text", description="Log lines as text, or as one JSON object each.")
    log_file: str = Field("", description="File that gets all log lines, too, also of a quiet run.")
    log_size: int = Field(10 * 1024 * 1024, ge=0, description="Bytes after which the log file is put aside; 0: never.")
    log_keep: int = Field(5, ge=1, le=1000, description="Log files that were put aside and are kept.")

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        return (init_settings,)  # load() merges the sources itself, so that each error can name its source


def load(
    *,
    project: Path | None = None,
    spider: Mapping[str, Any] | None = None,
    environ: Mapping[str, str] | None = None,
    command_line: Mapping[str, Any] | None = None,
) -> Settings:
    """Merge the sources into one Settings.

    Args:
        project: Folder with a pyproject.toml, or None for the working directory.
        spider: The spider's ``custom_settings``.
        environ: Variables; None means ``os.environ``.
        command_line: Values typed after ``-s``, or given by options; texts are converted.
    Raises:
        SettingsError: A name is unknown or a value does not fit; the message names source, key and bounds.
    """
    merged: dict[str, Any] = {}
    sources: dict[str, str] = {}
    for source, values in (
        ("[tool.crawl] in pyproject.toml", _from_pyproject(project or Path())),
        ("custom_settings of the spider", dict(spider or {})),
        ("variable", _from_environment(os.environ if environ is None else environ)),
        ("command line", dict(command_line or {})),
    ):
        for raw_key, value in values.items():
            key = _known(raw_key, source)
            merged[key], sources[key] = _parsed(key, value, source), source
    try:
        return Settings(**merged)
    except ValidationError as error:
        first = error.errors()[0]
        key = str(first["loc"][0]) if first["loc"] else "settings"
        said = first["msg"][0].lower() + first["msg"][1:]
        raise SettingsError(f"setting {key} ({sources.get(key, 'default')}): {said}") from None


def field_names() -> list[str]:
    """All names that ``-s`` takes, in the order of the reference page."""
    return list(Settings.model_fields)


def _known(key: str, source: str) -> str:
    name = SCRAPY_NAMES.get(key, key.lower().replace("-", "_"))
    if name in Settings.model_fields:
        return name
    import difflib  # only for the message

    from crawler.habits import SETTINGS

    if key in SETTINGS:
        raise SettingsError(f"{key} ({source}) is a setting of Scrapy; instead: {SETTINGS[key]}")
    near = difflib.get_close_matches(name, Settings.model_fields, n=1)
    hint = f"; did you mean {near[0]!r}?" if near else "; `crawl settings` lists them"
    raise SettingsError(f"unknown setting {key!r} ({source}){hint}")


def _parsed(key: str, value: Any, source: str) -> Any:
    if not isinstance(value, str):
        return value
    annotation = Settings.model_fields[key].annotation
    if key == "verify" and value.lower() in {"true", "1", "yes", "on", "false", "0", "no", "off"}:
        return value.lower() in {"true", "1", "yes", "on"}
    if key == "retry_statuses":
        return tuple(part.strip() for part in value.split(",") if part.strip())
    if annotation in (dict[str, str], dict[str, float]):
        import json

        try:
            return json.loads(value)
        except ValueError:
            raise SettingsError(f"setting {key} ({source}): not a JSON object: {value[:80]!r}") from None
    return value


def _from_pyproject(folder: Path) -> dict[str, Any]:
    path = folder / "pyproject.toml"
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        raise SettingsError(f"{path}: {error}") from None
    found = table.get("tool", {}).get("crawl", {})
    if not isinstance(found, dict):
        raise SettingsError(f"{path}: [tool.crawl] is not a table")
    return found


def _from_environment(environ: Mapping[str, str]) -> dict[str, str]:
    """``CRAWL_<NAME>`` for known names only: ``CRAWL_BUYER_PASSWORD`` is a credential and not a setting."""
    return {
        key[6:].lower(): value
        for key, value in environ.items()
        if key.startswith("CRAWL_") and key[6:].lower() in Settings.model_fields
    }
