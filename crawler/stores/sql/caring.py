"""Maintaining the database, and records from crawl to crawl: each combines the jobs of several parts."""

from __future__ import annotations

from crawler.stores.driver import Driver
from crawler.stores.sql.audit_rows import AuditRows
from crawler.stores.sql.change_rows import ChangeRows
from crawler.stores.sql.gone_records import GoneRecords
from crawler.stores.sql.resealing import Resealing


class Care:
    """See `stores.base_results.CareStore`."""

    def __init__(self, driver: Driver, audit: AuditRows, resealing: Resealing) -> None:
        self.audit, self.reseal, self.backup = audit.audit, resealing.reseal, driver.copy


class RecordHistory:
    """See `stores.base_results.RecordStore`."""

    def __init__(self, gone: GoneRecords, changes: ChangeRows) -> None:
        self.settle, self.changes, self.counts = gone.settle, changes.changes, changes.counts
