"""The typer application: all commands, in the order of the help."""

from __future__ import annotations

from crawler.cli import (
    account_file,
    care,
    export,
    failures,
    files,
    guard,
    kept,
    look,
    new_spider,
    page,
    pages_command,
    project,
    recorded_pages,
    records,
    results,
    run,
    runs,
    schedule,
    session_files,
    session_push,
    sessions,
    shell,
    store,
    top,
    warc,
    worker,
)
from crawler.cli.commands import new_app

app = new_app()
project.register(app)
new_spider.register(app)
run.register(app)
worker.register(app)
app.add_typer(sessions.app, name="sessions")
app.add_typer(account_file.app, name="accounts")
session_files.register(sessions.app)
session_push.register(sessions.app)
runs.register(app)
look.register(app)
top.register(app)
results.register(app)
records.register(app)
export.register(app)
failures.register(app)
files.register(app)
care.register(app)
store.register(app)
app.add_typer(schedule.app, name="schedule")
guard.register(app)
page.register(app)
shell.register(app)
kept.register(app)
pages_command.register(app)
recorded_pages.register(app)
app.add_typer(warc.app, name="warc")
