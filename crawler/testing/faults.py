"""Pages of the practice site that fail on request, and faults that hit the shop's pages at a given rate."""

from __future__ import annotations

import random
import threading
import time
from collections import Counter, deque
from collections.abc import Callable
from email.utils import formatdate
from urllib.parse import quote

from crawler.testing.layout import Layout, VisitorRequest
from crawler.testing.logins import Sessions
from crawler.testing.site_options import SiteOptions
from crawler.testing.site_records import Recorder
from crawler.testing.wire import Answer

Handler = Callable[[VisitorRequest], Answer]
REDIRECT_STATUSES = {"301": 301, "302": 302, "303": 303, "307": 307, "308": 308}
MAX_WAIT_S = 60.0
HEAD_ONLY_BYTES = 40  # a reset after this many bytes leaves a client with half a head


class Faults:
    """Injects faults as the options say. Thread-safe. Its options may be replaced while the site runs."""

    def __init__(
        self, options: SiteOptions, layout: Layout, sessions: Sessions, recorder: Recorder, closing: threading.Event
    ) -> None:
        self.options = options
        self._layout, self._sessions, self._recorder, self._closing = layout, sessions, recorder, closing
        self._lock = threading.Lock()  # guards everything below
        self._dice = random.Random(options.seed)
        self._seen: Counter[str] = Counter()
        self._away_until: dict[str, float] = {}
        self._recent: dict[str, deque[float]] = {}

    def routes(self) -> dict[str, Handler]:
        """The handlers, by the first part of the path."""
        return {
            "flaky": self.flaky,
            "limited": self.limited,
            "slow": self.slow,
            "redirect": self.redirect,
            "rotating": self.rotating,
            "status": self.status,
            "broken": self.broken,
        }

    def reset(self) -> None:
        """Forgets how often each page was requested: flaky pages fail again."""
        with self._lock:
            self._seen.clear()
            self._away_until.clear()
            self._recent.clear()

    def wait(self, seconds: float) -> None:
        """Waits, at most a minute, and not after the site was closed."""
        if seconds > 0:
            self._closing.wait(min(seconds, MAX_WAIT_S))

    def strike(self, visit: VisitorRequest) -> Answer | None:
        """A fault in place of a shop page, at the rates in the options; or None, perhaps after a wait."""
        options = self.options
        if options.requests_per_s is not None and self._too_fast(visit.call.host, options.requests_per_s):
            self._recorder.count("refused", "too-fast")
            return self._sorry(429, "1")
        if not visit.call.path.startswith(options.fault_paths):
            return None
        self.wait(options.latency_s)
        rates = (options.rate_slow, options.rate_reset, options.rate_503, options.rate_429, options.rate_redirect)
        if not any(rates):
            return None
        with self._lock:
            slow, reset, unavailable, limited, redirected = [self._dice.random() < rate for rate in rates]
        if slow:
            self.wait(options.slow_s)
        if reset:
            return Answer(reset_after=0)
        if unavailable or limited:
            return self._sorry(503 if unavailable else 429, options.retry_after)
        if redirected:
            return Answer.redirect(f"/go?to={quote(visit.call.target, safe='')}")
        return None

    def cut(self, visit: VisitorRequest, answer: Answer) -> None:
        """Marks an answer for a reset in the middle of its body, at the given rate."""
        rate = self.options.rate_cut
        if rate and answer.status == 200 and visit.call.path.startswith(self.options.fault_paths):
            with self._lock:
                roll = self._dice.random()
            if roll < rate:
                answer.reset_after = 200 + len(answer.body) // 2

    def flaky(self, visit: VisitorRequest) -> Answer:
        """``/flaky/ID?times=k&status=503``: answers with the status k times, then 200; counted per full address."""
        query = visit.call.query()
        if self._times_before(visit) < _number(query.get("times"), 1):
            return self._sorry(int(_number(query.get("status"), 503)), query.get("after", ""))
        return self._layout.page(visit, "Flaky", f'<h1>At last</h1><p class="id">{visit.number()}</p>')

    def limited(self, visit: VisitorRequest) -> Answer:
        """``/limited/ID?after=2&form=seconds|date``: 429 with Retry-After, then 200 to clients that waited that long.

        A client that comes back early is counted as ``too-early`` and gets another 429 with the remaining time.
        """
        query = visit.call.query()
        after_s = _number(query.get("after"), 1)
        now = time.time()
        with self._lock:
            until = self._away_until.get(visit.call.target)
            if until is None:
                # A date has whole seconds; the visitor can only know that time, so it is the one that counts.
                until = float(int(now + after_s) + 1) if query.get("form") == "date" else now + after_s
                self._away_until[visit.call.target] = until
                early = False
            else:
                early = now < until
        if not early and now >= until:
            return self._layout.page(visit, "Limited", f'<h1>Welcome back</h1><p class="id">{visit.number()}</p>')
        if early:
            self._recorder.count("refused", "too-early")
        text = formatdate(until, usegmt=True) if query.get("form") == "date" else _seconds(until - now)
        return self._sorry(429, text)

    def slow(self, visit: VisitorRequest) -> Answer:
        """``/slow/ID?s=1.5``: answers after that long, at most a minute."""
        self.wait(_number(visit.call.query().get("s"), self.options.slow_s))
        return self._layout.page(visit, "Slow", f'<h1>Sorry to keep you waiting</h1><p class="id">{visit.number()}</p>')

    def redirect(self, visit: VisitorRequest) -> Answer:
        """``/redirect/N?status=302``: N redirects, then a page; also ``loop``, ``grow``, ``to?url=`` and ``bad``."""
        query = visit.call.query()
        status = REDIRECT_STATUSES.get(query.get("status", ""), 302)
        where = visit.parts[1] if len(visit.parts) > 1 else ""
        steps = visit.number()
        if steps:
            again = f"?status={status}" if "status" in query else ""
            answer = Answer.redirect(f"/redirect/{steps - 1}{again}", status)
            answer.headers.append(("Set-Cookie", f"hop{steps}=1; Path=/redirect"))
            return answer
        if where == "loop":
            return Answer.redirect("/redirect/loop2" if len(visit.parts) == 2 else "/redirect/loop", status)
        if where == "loop2":
            return Answer.redirect("/redirect/loop", status)
        if where == "grow":
            return Answer.redirect(f"/redirect/grow?more={quote(visit.call.query_text, safe='')[:2000]}x", status)
        if where == "to":
            return Answer.redirect(query.get("url", "/"), status)
        if where == "bad":
            return Answer.redirect("http://[::bad/", status)
        if steps == 0:
            return self._layout.page(visit, "Arrived", "<h1>Arrived</h1>")
        return self._layout.not_found(visit)

    def rotating(self, visit: VisitorRequest) -> Answer:
        """``/rotating/ID``: each answer replaces the session id; the previous id is refused with 401 from then on."""
        if visit.session is None:
            return Answer.redirect(f"/login?next={quote(visit.call.target, safe='')}")
        return self._layout.page(visit, "Rotating", f'<h1>Round and round</h1><p class="id">{visit.number()}</p>')

    def status(self, visit: VisitorRequest) -> Answer:
        """``/status/404`` and so on: a page with that status."""
        status = visit.number() or 404
        return self._layout.page(
            visit, f"Status {status}", "<h1>As you wished</h1>", status if 200 <= status < 600 else 404
        )

    def broken(self, visit: VisitorRequest) -> Answer:
        """``/broken/reset``, ``/broken/head``, ``/broken/body``: a reset before the answer, in its head or body."""
        answer = self._layout.page(visit, "Broken", "<h1>Broken</h1>" + "<p>much text</p>" * 200)
        where = visit.parts[1] if len(visit.parts) > 1 else ""
        answer.reset_after = {"reset": 0, "head": HEAD_ONLY_BYTES, "body": 1000}.get(where)
        return answer if answer.reset_after is not None else self._layout.not_found(visit)

    def _times_before(self, visit: VisitorRequest) -> int:
        with self._lock:
            before = self._seen[visit.call.target]
            self._seen[visit.call.target] = before + 1
        return before

    def _too_fast(self, host: str, requests_per_s: float) -> bool:
        now = time.monotonic()
        with self._lock:
            recent = self._recent.setdefault(host, deque())
            while recent and now - recent[0] >= 1.0:
                recent.popleft()
            if len(recent) >= requests_per_s:
                return True
            recent.append(now)
            return False

    def _sorry(self, status: int, retry_after: str) -> Answer:
        answer = Answer(status if 400 <= status < 600 else 503, b"<h1>Try again later</h1>")
        if retry_after:
            answer.headers.append(("Retry-After", retry_after))
        return answer


def _seconds(wait_s: float) -> str:
    """The wait rounded up to whole seconds, as Retry-After requires."""
    return str(max(0, int(wait_s) + (wait_s > int(wait_s))))


def _number(text: str | None, default: float) -> float:
    try:
        return min(float(text), 1e6) if text else default
    except ValueError:
        return default
