"""Exit codes by cause, and the one place where an error becomes one line and a code.

The codes are a promise to cron mails and shell scripts: a number never changes its meaning.
"""

from __future__ import annotations

import errno
import re
import shlex
import signal
import sys
import traceback as traceback_module
from collections.abc import Iterator
from contextlib import contextmanager

import typer

from crawler import errors
from crawler.cli.text import drain, mute, safe, tell
from crawler.url_users import NO_USER

DONE = 0
FAILURES = 1
USAGE = 2
LOGIN = 3
RUNNING = 4
LIMIT = 5
STORE = 6
HUMAN = 7
NOTHING = 8
NO_ITEMS = 9
NOT_WRITTEN = 10
LESS = 11
CHANGED = 12
INCOMPLETE = 13
BUG = 70
INTERRUPTED = 128 + signal.SIGINT
TERMINATED = 128 + signal.SIGTERM

#: Code, name (the `ending` of a summary where there is one), meaning, what to do. The reference page is made from it.
TABLE: tuple[tuple[int, str, str, str], ...] = (
    (DONE, "finished", "Everything was done.", "Nothing."),
    (
        FAILURES,
        "failures",
        "Done, but some requests failed for good, most pages ask to log in, a site could not be reached to log in, or"
        " an audit, a fetch or a check found a fault.",
        "`crawl status NAME` shows why; `crawl retry NAME` tries them again.",
    ),
    (
        USAGE,
        "usage",
        "The command line, a setting, a spider, the key file or the permissions of a file are wrong, or something that"
        " a login needs is not installed. Nothing was fetched, or what was committed is kept.",
        "The message says what to change.",
    ),
    (
        LOGIN,
        "login failed",
        "A session could not log in, or has no credentials. The requests that need it are still waiting.",
        "`crawl login NAME` shows the login alone; the next run goes on.",
    ),
    (
        RUNNING,
        "already running",
        "Another process is running this spider on this store. Nothing was fetched.",
        "Wait for it, or use `--if-running wait` or `--if-running skip`.",
    ),
    (LIMIT, "limit", "Stopped by a limit (pages or time).", "The same command goes on where it stopped."),
    (
        STORE,
        "store",
        "The database is full, locked, damaged or from a newer version. What was committed is kept.",
        "The message names the file; `crawl doctor` looks at it.",
    ),
    (
        HUMAN,
        "needs human",
        "A session waits for a person; everything else was done.",
        "The summary names the `crawl login` command to go on with.",
    ),
    (
        NOTHING,
        "nothing",
        "Not one page was fetched, and nothing failed: all requests were off-site, forbidden by robots.txt, left out by"
        " the logout guard or another rule, or there were none.",
        "The first line of the summary names the rule and a URL; `crawl status NAME` lists all of them.",
    ),
    (
        NO_ITEMS,
        "no items",
        "Pages were fetched, but no item was stored, or fewer than `min_items`, or all items (of a kind) have no value"
        " in any field. What was fetched is kept.",
        "`crawl fetch URL` shows what the page holds. A spider that yields no items on purpose says so:"
        ' `custom_settings = {"min_items": 0}`.',
    ),
    (
        NOT_WRITTEN,
        "not written",
        "An export would have replaced a file with the items of a crawl that did not end well, such as one in which"
        " requests failed, or with none at all. The file is as it was.",
        "Run the crawl to its end or `crawl retry NAME`, export another run (`--run N`, `--all`), or write it anyway"
        " with `--force`.",
    ),
    (
        LESS,
        "less than before",
        "Done, but it brought less than it should: at most half of the items of the last complete crawls, none of one"
        " kind, a field that used to be filled and is now empty, a share below that in the setting `fields`, or more"
        " pages than before came in place of others (terms of use, maintenance). What was fetched is kept.",
        "`crawl runs show ID` says what is missing; `crawl runs accept ID` accepts it as right from now on.",
    ),
    (
        CHANGED,
        "changed",
        "`crawl changes NAME --exit-code` found records that are new, changed, gone or back.",
        "Nothing: it tells a script whether there is something to do.",
    ),
    (
        INCOMPLETE,
        "incomplete export",
        "An export was written, but the crawl is not finished, or requests failed in it: it does not hold all items.",
        "Run the crawl to its end (`crawl run NAME` goes on, `crawl retry NAME` tries what failed), then export again.",
    ),
    (BUG, "bug", "An unforeseen error, in the crawler or in a spider.", "Report it with the traceback."),
    (
        INTERRUPTED,
        "interrupted",
        "Stopped by Ctrl-C (SIGINT). What was committed is kept.",
        "The same command goes on where it stopped.",
    ),
    (
        TERMINATED,
        "terminated",
        "Stopped by SIGTERM or SIGHUP. What was committed is kept.",
        "The same command goes on where it stopped.",
    ),
)

#: First match wins, so a class comes before its base.
_CODES: tuple[tuple[type[Exception], int], ...] = (
    (errors.StoreReadOnly, USAGE),  # rights on a file: found before the first request, for a person to put right
    (errors.KeyFileError, USAGE),  # the same, before the first login
    (errors.StoreError, STORE),
    (errors.UsageError, USAGE),
    (errors.AlreadyRunning, RUNNING),
    (errors.NotWritten, NOT_WRITTEN),
    (errors.NeedsHuman, HUMAN),
    (errors.NotEquipped, USAGE),  # found before anything was sent, for a person to put right
    (errors.LoginMiswritten, USAGE),
    (errors.SiteUnreachable, FAILURES),  # the network's
    (errors.SessionError, LOGIN),
    (errors.CrawlError, FAILURES),
)

_HINTS: tuple[tuple[type[Exception], str], ...] = (
    (errors.InvalidURL, "write it in full, such as https://shop.example/orders"),
    (errors.AlreadyRunning, "wait for it, or use --if-running wait or --if-running skip"),
    (errors.NotWritten, "--force writes it anyway"),
    (errors.WrongPassword, "put them right, then `crawl login NAME` tries them once; --force tries these again"),
    (errors.LoginBudgetSpent, ""),  # says itself when it is possible again
    (errors.LoginFailed, "`crawl login NAME --force --traceback` shows the login alone"),
    (errors.NeedsHuman, "`crawl login NAME` asks for it at the terminal"),
    (errors.TooLarge, "`-s max_size=BYTES` allows more"),
    (errors.GuardRefused, "`-s guard_allow=PATH` follows those with PATH in their URL, `-s logout_guard=false` all"),
)

spider = ""  #: the one that the command is about, once it is known
_PROPOSED = re.compile(r"(`crawl (?:[a-z]+ )+)NAME\b")
show_tracebacks = False  #: set by ``--traceback``


def code_for(error: Exception) -> int:
    """The exit code of *error*."""
    return next((code for kind, code in _CODES if isinstance(error, kind)), BUG)


def code_of_system(error: OSError) -> int:
    """The exit code of an error of the operating system: a full or broken disk, or a wrong place."""
    return STORE if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EIO) else USAGE


def hint_for(error: Exception) -> str:
    """What to do about an error of this kind; "" where its own text says it."""
    return next((hint for kind, hint in _HINTS if isinstance(error, kind)), "")


def line_for(error: Exception) -> str:
    """What a person is told: one line, no secret, with what to do."""
    text = named(safe(error) or type(error).__name__)
    says_itself = isinstance(error, errors.InvalidURL) and error.why == NO_USER
    hint = "" if says_itself else named(hint_for(error))
    return f"{text}; {hint}" if hint and hint not in text and "--force`" not in text else text


def named(text: str) -> str:
    """*text* with NAME replaced by the spider of this command, in the commands that it proposes."""
    return _PROPOSED.sub(lambda found: f"{found[1]}{shlex.quote(spider)}", text) if spider else text


@contextmanager
def exit_codes() -> Iterator[None]:
    """Turn whatever leaves the block into an exit code and, where it is an error, one line on standard error.

    Raises:
        typer.Exit: Always instead of a `CrawlError`, an `OSError`, Ctrl-C or a bug.
    """
    try:
        yield
    except errors.CrawlError as error:
        _show(error, line_for(error))
        raise typer.Exit(code_for(error)) from None
    except BrokenPipeError:  # the reader of our output has gone: that is how `| head` ends
        mute(sys.stdout)
        raise typer.Exit(DONE) from None
    except OSError as error:
        _show(error, f"{error.filename}: {error.strerror}" if error.filename else str(error))
        drain(sys.stdout)
        raise typer.Exit(code_of_system(error)) from None
    except EOFError:
        tell("crawl: a question got no answer; give the value another way, or answer at a terminal")
        raise typer.Exit(USAGE) from None
    except KeyboardInterrupt:
        tell("crawl: interrupted")
        raise typer.Exit(INTERRUPTED) from None
    except Exception as error:
        if type(error).__name__ in ("Exit", "Abort", "NoArgsIsHelpError"):  # typer's own, private in its older versions
            raise
        if hasattr(error, "format_message"):  # typer's usage errors
            path = getattr(getattr(error, "ctx", None), "command_path", "crawl")
            said = _plain(safe(error.format_message()).rstrip("."))
            if option := getattr(error, "option_name", ""):
                from crawler.cli.mistyped import meant_option  # only for the message

                said = meant_option(option, getattr(error, "ctx", None)) or said
            tell(f"crawl: {said}{'' if said.endswith('?') else ';'} `{path} --help` shows how")
            raise typer.Exit(USAGE) from None
        if isinstance(error, MemoryError) or _is_too_tight(error):
            what = str(error) or "out of memory"
            _show(error, f"{what}: this process may not have enough memory or threads; see `ulimit -v` and `ulimit -u`")
            raise typer.Exit(USAGE) from None
        from crawler.loading import place_in_spider  # commands without a spider do not need it

        place = place_in_spider(error)
        if place:
            _show(error, f"{place}: {type(error).__name__}: {error}; --traceback shows how it got there")
            raise typer.Exit(USAGE) from None
        for line in _traceback(error):
            tell(line)
        tell(f"crawl: {safe(f'{type(error).__name__}: {error}')}; this is a bug in the crawler or in the spider")
        raise typer.Exit(BUG) from None


def _plain(said: str) -> str:
    """A usage error of typer's in plain words: where a value is wrong, pydantic has written it."""
    from crawler.foreign_words import in_plain_words  # only for the message

    whose, colon, what = said.partition(": ")
    return f"{whose}: {in_plain_words(what)}" if colon and whose.startswith("Invalid value") else said


def _is_too_tight(error: Exception) -> bool:
    """Whether the system refused to start a thread or to load a library, for lack of memory."""
    if isinstance(error, RuntimeError):
        return "start new thread" in str(error)
    return isinstance(error, ImportError) and ("cannot allocate" in str(error).lower() or "failed to map" in str(error))


def _show(error: Exception, line: str) -> None:
    if show_tracebacks:
        for each in _traceback(error):
            tell(each)
    tell(f"crawl: {safe(line)}")


def _traceback(error: BaseException) -> list[str]:
    text = "".join(traceback_module.format_exception(error))
    return [safe(line) for line in text.splitlines()]
