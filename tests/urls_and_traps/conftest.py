"""Fixtures: recorded hosts and sessions."""

from tests.hosts import certificates, net, quick_net

__all__ = ["certificates", "net", "quick_net"]
