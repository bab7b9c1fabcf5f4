"""Fixtures of the borders: recorded hosts, sessions on both transports, certificates."""

from tests.hosts import certificates, net, quick_net

__all__ = ["certificates", "net", "quick_net"]
