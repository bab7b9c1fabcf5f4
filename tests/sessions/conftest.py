"""Fixtures of the sessions: a jar, hosts on both transports, the practice site with its members."""

from tests.hosts import net, quick_net
from tests.sessions.jars import jar
from tests.sessions.member_site import member_site

__all__ = ["jar", "member_site", "net", "quick_net"]
