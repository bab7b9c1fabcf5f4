"""The SQLite store: one file per project, for one machine."""

from crawler.stores.sqlite.sqlite_store import SQLiteStore as SQLiteStore
