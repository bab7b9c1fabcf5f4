"""Buckets: which rows are kept together in a database that several machines share.

The bucket of a host is a hash of its registrable domain, so that a site and its subdomains, between which most links
go, are in one. It is in the high bits of the number of each lane (a host with a session), and so at the front of each
key that contains a lane: members that work on neighbouring lanes touch neighbouring rows, and a table partitioned by
ranges of lanes is partitioned by buckets.
"""

from __future__ import annotations

from functools import lru_cache
from hashlib import blake2b

from crawler.urls import site_of

BUCKETS = 64  #: fixed: the numbers in a database depend on it
BUCKET_BITS = 40  #: a lane is its bucket times 2 to the power of this, plus a number


@lru_cache(maxsize=16_384)
def bucket_of(slot: str) -> int:
    """The bucket of a slot: ``host``, ``host:port``, ``[address]:port``, each perhaps followed by ``#session``."""
    authority = slot.partition("#")[0]
    host = authority.partition("]")[0] if authority.startswith("[") else authority.partition(":")[0]
    site = site_of(host).encode("utf-8", "surrogatepass")
    return int.from_bytes(blake2b(site, digest_size=4).digest()) % BUCKETS
