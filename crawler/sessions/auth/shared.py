"""Auth that keeps nothing for each thread."""

from __future__ import annotations

from requests.auth import AuthBase


class SharedAuth(AuthBase):
    """An auth that any thread may call, also to go on with what another has begun.

    Requests of a session with another kind of auth stay on one thread each, from the first byte to the last: requests'
    own digest, for one, keeps its nonce in variables of the thread.
    """
