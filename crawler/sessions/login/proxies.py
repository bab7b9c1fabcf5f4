"""The proxies of sessions that have several: taken up before the first request, and left when one has failed."""

from __future__ import annotations

from crawler.sessions.login.manager import LoginManager
from crawler.sessions.proxy_pool import place


def left_proxy(manager: LoginManager) -> str:
    """Why a session has to leave its proxy, which has failed; "" when it stays. The next run is to know.

    A guest goes on through the next one with an empty jar; an account has to log in there.
    """
    session, pool = manager.session, manager.session.sending.proxy_pool
    health = pool.keep() if pool is not None else None
    if pool is None or health is None:
        return ""
    manager.desk.keep_proxy_health(session.key, health)
    left = session.proxies.get("https", "")
    if left == pool.current:
        return ""
    if not manager.wants_login:
        session.go_through(pool.current)
        session.cookies = session.cookies.fresh()
    return f"its proxy {place(left)} has failed, and rests; it goes on through {place(pool.current)}"
