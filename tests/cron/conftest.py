"""The same site, project and forking process as the crash tests have."""

from tests.crash.conftest import _shop, project, shop, warm

__all__ = ["_shop", "project", "shop", "warm"]
