"""One typed Settings: the options of a run, with units, bounds and help.

Later sources win: defaults, then ``[tool.crawl]`` in pyproject.toml, the spider's ``custom_settings``, variables
``CRAWL_<NAME>``, and the command line. Keys are the short words that a person types after ``-s``; Scrapy's names are
understood where they mean the same. Values are seconds and bytes, as each field's help says.
"""

from __future__ import annotations

import os
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal, get_origin, get_type_hints

from crawler.errors import SettingsError
from crawler.nearest import nearest
from crawler.setting_kinds import Setting, proxy_url, setting

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

#: settings whose value is a secret: anyone who knows the address of a webhook can write there
SECRET_SETTINGS = frozenset({"notify", "ping"})
_NOT_SHOWN = SECRET_SETTINGS | {"headers", "proxy"}  # a secret may be part of them

DEFAULT_USER_AGENT = "crawl-sessions/0.1"


class Settings:
    """All options of a run. Immutable; safe from any thread.

    Args:
        values: Settings by name; the others have their defaults.
    Raises:
        SettingsError: A name is unknown, or a value does not fit.
    """

    store: str = setting("data/crawl.db", description="File of the database, or postgresql://... for several machines.")
    workers: int = setting(
        16,
        at_least=1,
        at_most=2048,
        description="Most pages that one process has sent and not yet committed; for distant servers"
        " about twice the connections it may have. Also the most threads that run callbacks.",
    )
    processes: int = setting(
        0,
        at_least=0,
        at_most=64,
        description="Processes that share the store, each with its own workers; 0: as many as cores and delays allow.",
    )
    delay: float = setting(0.0, at_least=0, at_most=86_400, description="Seconds between two requests to one host.")
    jitter: float = setting(
        0.0, at_least=0, at_most=1, description="Share of the delay that is added at random, 0 to 1."
    )
    per_host: int = setting(
        8, at_least=1, at_most=512, description="Simultaneous connections to one host, of all processes together."
    )
    throttle: bool = setting(True, description="Slow down automatically on 429 and 503 answers and on rising latency.")
    timeout: float = setting(30.0, above=0, at_most=3600, description="Seconds to connect, and between two reads.")
    deadline: float = setting(
        120.0, above=0, at_most=86_400, description="Seconds for one request from start to last byte."
    )
    min_speed: int = setting(50, at_least=0, description="Bytes per second below which an answer is given up; 0: none.")
    retries: int = setting(4, at_least=0, at_most=100, description="Further tries after the first one failed.")
    retry_statuses: tuple[int, ...] = setting(
        (408, 425, 429, 500, 502, 503, 504, 520, 521, 522, 523, 524), description="Status codes that are tried again."
    )
    backoff: float = setting(1.0, above=0, at_most=3600, description="Seconds of the first wait before another try.")
    max_backoff: float = setting(
        600.0, above=0, at_most=86_400, description="Longest wait before another try, in seconds."
    )
    max_retry_after: float = setting(
        21_600.0, above=0, at_most=604_800, description="Longest Retry-After that is obeyed, in seconds."
    )
    max_redirects: int = setting(20, at_least=0, at_most=100, description="Redirects followed for one request.")
    robots: bool = setting(True, description="Obey robots.txt.")
    max_depth: int = setting(0, at_least=0, description="Links followed from a start URL; 0 for no limit.")
    max_pages: int = setting(0, at_least=0, description="Pages of this run after which it stops; 0 for no limit.")
    max_time: float = setting(0.0, at_least=0, description="Seconds after which the run stops; 0 for no limit.")
    min_items: int = setting(
        1,
        at_least=0,
        description="Items that a crawl must have stored to count as good; 0 for a spider that yields none.",
    )
    min_share: float = setting(
        0.5,
        at_least=0,
        at_most=1,
        description="Share of the median of the last ten complete crawls at or below which items and filled fields are"
        " reported; 0: nothing is compared.",
    )
    fields: dict[str, float] = setting(
        {},
        description='Share of the items in which a field must be filled (JSON), such as {"price": 0.9}.',
    )
    max_error_rate: float = setting(
        0.0,
        at_least=0,
        at_most=1,
        description="Share of the requests that may fail without the run being called `failures`; also for exports.",
    )
    accept: bool = setting(
        False, description="Accept what this run brings as right: it is compared with nothing, and later runs with it."
    )
    may_be_empty: tuple[str, ...] = setting(
        (), description="Fields that may be empty in every item of a run, without a note; * for all of them."
    )
    max_size: int = setting(32 * 1024 * 1024, at_least=1024, description="Largest decoded body in bytes.")
    files: str = setting("", description="Folder of fetched files; empty: `files` beside the database.")
    max_file_size: int = setting(2 * 1024**3, at_least=1024, description="Largest file in bytes.")
    file_deadline: float = setting(
        3600.0,
        above=0,
        at_most=604_800,
        description="Seconds for one try to fetch a file; the next one goes on where it ended.",
    )
    max_image_pixels: int = setting(
        178_956_970, at_least=1, description="Largest image, in pixels as its header says; a larger one is refused."
    )
    max_pages_per_host: int = setting(
        200_000, at_least=0, description="Pages of one host in one run, by all its processes; 0 for no limit."
    )
    traps: bool = setting(
        True, description="Rules against endless URL spaces (calendars, growing paths, pagers without an end)."
    )
    logout_guard: bool = setting(
        True, description="Do not follow links that log out, delete or change something in a logged-in session."
    )
    guard_allow: tuple[str, ...] = setting(
        (), description="Regular expressions, with commas: logout_guard refuses no URL in which one of them is found."
    )
    upgrade: bool = setting(
        False, description="Request https where a page links to plain http on a host of an https start URL."
    )
    user_agent: str = setting(
        DEFAULT_USER_AGENT, description="User-Agent of sessions that name none; say in it who you are."
    )
    headers: dict[str, str] = setting({}, description="Default headers of every session (JSON).")
    proxy: str = setting("", description="Proxy for all requests, such as http://127.0.0.1:3128.")
    verify: bool | str = setting(True, description="Verify certificates: true, false, or the path of a CA file.")
    allow_private: bool = setting(False, description="Let public pages send us to private addresses.")
    transport: str = setting(
        "curl", description="What sends requests below the sessions: curl, urllib3, or an installed one."
    )
    http: Literal["1.1", "2", "3", "auto"] = setting(
        "1.1",
        description="HTTP version: 1.1; 2 or 3 where the server offers it over TLS; auto for the newest of both.",
    )
    render_pages: int = setting(
        4, at_least=1, at_most=64, description="Pages that a browser renders at once, where a spider renders pages."
    )
    render_allow: tuple[str, ...] = setting(
        (),
        description="What rendered pages may load besides documents, scripts, styles and data: image, media, font,"
        " tracker, separated by commas.",
    )
    render_hosts: tuple[str, ...] = setting(
        (),
        description="Hosts besides allowed_domains that rendered pages may load scripts, styles and data from; with"
        " their subdomains.",
    )
    browser_memory: int = setting(
        1_500_000_000, at_least=100_000_000, description="Bytes of memory at which the browser is restarted."
    )
    browser_age: float = setting(
        1800.0, above=0, at_most=86_400, description="Seconds after which the browser is restarted."
    )
    durability: Literal["normal", "full"] = setting(
        "normal", description="full: every commit survives a power cut; normal: the last ones may be lost then."
    )
    http_cache: Literal["off", "validate", "rfc"] = setting(
        "validate",
        description="Pages that an earlier crawl has seen: validate: ask whether they have changed, where their server"
        " gave an ETag or a Last-Modified; rfc: and do not ask while Cache-Control or Expires says that they are fresh;"
        " off: fetch all as if for the first time.",
    )
    plugins: tuple[str, ...] = setting(
        (), description="Plugins besides those of the spider: names of installed ones, or module:Class, with commas."
    )
    full: bool = setting(False, description="Fetch all pages of this run in full, whatever is known of them.")
    keep_pages: bool = setting(
        False, description="Keep the pages themselves in the store, for `crawl parse` and `crawl page`."
    )
    sessions: str = setting("", description="Names of sessions, separated by commas; replaces the spider's.")
    accounts: str = setting("", description="File of mode 0600 with credentials (TOML, one table a session).")
    login_budget: int = setting(
        6,
        at_least=1,
        at_most=1000,
        description="Most logins of one account in an hour that sent credentials and did not succeed.",
    )
    probe_every: int = setting(
        200, at_least=0, description="Unproven pages of a session before it is probed again; 0: never."
    )
    grace: float = setting(
        15.0, at_least=0, at_most=3600, description="Seconds that requests in flight get when a run is stopped."
    )
    lease: float = setting(
        90.0, at_least=1, at_most=86_400, description="Seconds after which a dead process's requests are free."
    )
    busy_timeout: float = setting(60.0, above=0, at_most=86_400, description="Seconds to wait for a locked database.")
    callback_time: float = setting(60.0, above=0, description="Seconds after which a callback is reported as slow.")
    notify: str = setting(
        "",
        description="Who is told how a run went: addresses of webhooks (https://), or of services that apprise knows"
        " (extra notify), separated by spaces.",
    )
    notify_on: str = setting(
        "failure,recovery,parked",
        description="Of what: failure, recovery, parked, success, changes (of records), separated by commas.",
    )
    ping: str = setting(
        "", description="URL of a dead man's switch: requested after good runs; with {exit_code}, after each run."
    )
    metrics_file: str = setting(
        "", description="File for Prometheus's textfile collector, written after each run; {spider}: its name."
    )
    metrics_port: int = setting(
        0,
        at_least=0,
        at_most=65_535,
        description="Port on 127.0.0.1 at which Prometheus finds the metrics of a running crawl (extra metrics);"
        " 0: none.",
    )
    traces: bool = setting(
        False, description="Send a trace of each page to OpenTelemetry, as its OTEL_ variables say (extra otel)."
    )
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = setting("INFO", description="Lowest level logged.")
    log_format: Literal["text", "json"] = setting("text", description="Log lines as text, or as one JSON object each.")
    log_file: str = setting("", description="File that also gets all log lines, even of a quiet run.")
    log_size: int = setting(
        10 * 1024 * 1024, at_least=0, description="Bytes after which the log file is rotated; 0: never."
    )
    log_keep: int = setting(5, at_least=1, at_most=1000, description="Rotated log files that are kept.")
    har: str = setting("", description="File that gets each request and its answer as HAR, secrets masked.")
    har_size: int = setting(100_000_000, at_least=100_000, description="Bytes of the file at which recording stops.")
    har_unmasked: bool = setting(
        False, description="Also record cookies and credentials: whoever reads the file can use them."
    )

    def __init__(self, **values: Any) -> None:
        held = self.__dict__
        for name, each in FIELDS.items():
            held[name] = _converted(name, each, values.pop(name)) if name in values else each.default
        for name in values:
            raise SettingsError(f"unknown setting {name!r}")

    def __setattr__(self, name: str, value: Any) -> None:
        raise AttributeError(f"settings do not change while a run lasts: {name}")

    def __eq__(self, other: object) -> bool:
        return self.__dict__ == other.__dict__ if isinstance(other, Settings) else NotImplemented

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        changed = {name: value for name, value in self.__dict__.items() if value != FIELDS[name].default}
        shown = {name: "***" if name in _NOT_SHOWN else value for name, value in changed.items()}
        return f"Settings({', '.join(f'{name}={value!r}' for name, value in shown.items())})"

    def replace(self, **changes: Any) -> Settings:
        """A copy with some changes."""
        return Settings(**self.__dict__ | changes)


def _declared() -> dict[str, Setting]:
    found: dict[str, Setting] = {}
    for name, annotation in get_type_hints(Settings).items():
        each: Setting = vars(Settings)[name]
        each.annotation = annotation
        found[name] = each
    return found


FIELDS = _declared()  #: all settings, in the order of the reference page


def _converted(name: str, each: Setting, value: Any, source: str = "Settings") -> Any:
    try:
        return proxy_url(each.converted(value)) if name == "proxy" else each.converted(value)
    except ValueError as error:
        is_shown = source == "command line" and each.annotation in (int, float, bool)  # others may be a secret
        given = f", not {str(value)[:40]!r}" if is_shown else ""
        raise SettingsError(f"setting {name} ({source}): {error}{given}") from None


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
    for key, value in merged.items():
        merged[key] = _converted(key, FIELDS[key], value, sources[key])
    return Settings(**merged)


def named_in_pyproject() -> list[str]:
    """Settings that the pyproject.toml of the working directory names."""
    return [_known(key, "pyproject.toml") for key in _from_pyproject(Path())]


def field_names() -> list[str]:
    """All names that ``-s`` takes, in the order of the reference page."""
    return list(FIELDS)


def _known(key: str, source: str) -> str:
    name = SCRAPY_NAMES.get(key, key.lower().replace("-", "_"))
    if name in FIELDS:
        return name
    from crawler.habits import SETTINGS

    if key in SETTINGS:
        raise SettingsError(f"{key} ({source}) is a setting of Scrapy; instead: {SETTINGS[key]}")
    near = nearest(name, FIELDS)
    hint = f"; did you mean {near[0]!r}?" if near else "; `crawl settings` lists them"
    raise SettingsError(f"unknown setting {key!r} ({source}){hint}")


def _parsed(key: str, value: Any, source: str) -> Any:
    if not isinstance(value, str):
        return value
    annotation = FIELDS[key].annotation
    if key == "verify" and value.lower() in {"true", "1", "yes", "on", "false", "0", "no", "off"}:
        return value.lower() in {"true", "1", "yes", "on"}
    if get_origin(annotation) is tuple:
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
        if key.startswith("CRAWL_") and key[6:].lower() in FIELDS
    }
