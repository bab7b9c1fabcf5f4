"""The places of sealed values: what a cipher binds a secret to, so that it cannot be moved elsewhere. Pure.

Otherwise anyone who can write to the file, even without a key, could give a session the cookies of another account, or
a request the body of another one, by copying one sealed value over another. A value that was moved does not open.
"""

from __future__ import annotations

#: Name of the value by which a store shared by several machines recognises the keys that its secrets are sealed with.
KEY_CHECK = "key of the fleet"
HEAD_BYTES = 9  #: version and name of the key, in front of what `sessions.vault` has sealed


def key_name(sealed: bytes) -> str:
    """Public name of the key that has sealed it, or whose head this is: 16 hexadecimal digits."""
    return sealed[1:HEAD_BYTES].hex()


def place_of_session(key: str) -> str:
    """Of the current secret of a session."""
    return f"crawl_sessions\n{key}"


def place_of_snapshot(key: str, epoch: int, at: float) -> str:
    """Of an entry of a session's history."""
    return f"crawl_session_history\n{key}\n{epoch}\n{at!r}"


def place_of_request(frontier: int, fingerprint: bytes) -> str:
    """Of the headers, body and the like of a request."""
    return f"crawl_requests\n{frontier}\n{fingerprint.hex()}"


def place_of_visit(request: int) -> str:
    """Of what a page gave besides plain links, for the next crawl."""
    return f"crawl_visits\n{request}"


def place_of_sample(spider: str, callback: str, cause: str) -> str:
    """Of what a callback was given besides a page kept for inspection."""
    return f"crawl_samples\n{spider}\n{callback}\n{cause}"


def place_of_value(name: str) -> str:
    """Of a small value kept by name."""
    return f"crawl_values\n{name}"
