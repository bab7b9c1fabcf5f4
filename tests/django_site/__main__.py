"""Makes the database where it is missing, serves the admin and prints its address as one line of JSON."""

from __future__ import annotations

import argparse
import json
import os
import sys
from pathlib import Path

USERS = {"clerk": "pass-of-clerk", "auditor": "pass-of-auditor"}


def main() -> int:
    """Serve until the process is ended."""
    parser = argparse.ArgumentParser(prog="python -m tests.django_site", description=__doc__)
    parser.add_argument("--port", type=int, default=0, help="0 takes a free one")
    parser.add_argument("--folder", type=Path, required=True, help="where database and access log are")
    parser.add_argument("--rows", type=int, default=500, help="books in a new database")
    chosen = parser.parse_args()

    os.environ["DJANGO_SITE_FOLDER"] = str(chosen.folder.resolve())
    os.environ["DJANGO_SETTINGS_MODULE"] = "tests.django_site.settings"
    import django

    django.setup()
    _fill(chosen.rows)
    _serve(chosen.port)
    return 0


def _fill(count: int) -> None:
    from django.contrib.auth import get_user_model
    from django.core.management import call_command

    from tests.django_site.library.models import Book
    from tests.django_site.rows import rows

    call_command("migrate", verbosity=0)
    if Book.objects.exists():
        return
    for name, password in USERS.items():
        get_user_model().objects.create_superuser(name, password=password)
    Book.objects.bulk_create(Book(**row) for row in rows(count))


def _serve(port: int) -> None:
    from django.core.servers.basehttp import run
    from django.core.wsgi import get_wsgi_application

    def bound(server_port: int) -> None:
        print(json.dumps({"url": f"http://127.0.0.1:{server_port}", "pid": os.getpid()}), flush=True)

    run("127.0.0.1", port, get_wsgi_application(), threading=True, on_bind=bound)


if __name__ == "__main__":
    sys.exit(main())
