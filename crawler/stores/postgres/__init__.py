"""The PostgreSQL store: one database for any number of machines. Needs psycopg (extra ``postgres``)."""

from crawler.stores.postgres.postgres_store import PostgresStore as PostgresStore
