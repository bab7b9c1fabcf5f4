"""The typer application: all commands, in the order of the help."""

from __future__ import annotations

from crawler.cli import (
    account_file,
    care,
    export,
    failures,
    fetch_command,
    files_commands,
    guard_command,
    kept_commands,
    look,
    members,
    new_spider,
    pages_command,
    project_commands,
    recorded_pages,
    records_commands,
    run,
    runs,
    schedule,
    session_files,
    session_push,
    sessions,
    shell,
    status_commands,
    store,
    top,
    warc_command,
    worker,
)
from crawler.cli.commands import new_app

app = new_app()
project_commands.register(app)
new_spider.register(app)
run.register(app)
worker.register(app)
members.register(app)
app.add_typer(sessions.app, name="sessions")
app.add_typer(account_file.app, name="accounts")
session_files.register(sessions.app)
session_push.register(sessions.app)
runs.register(app)
look.register(app)
top.register(app)
status_commands.register(app)
records_commands.register(app)
export.register(app)
failures.register(app)
files_commands.register(app)
care.register(app)
store.register(app)
app.add_typer(schedule.app, name="schedule")
guard_command.register(app)
fetch_command.register(app)
shell.register(app)
kept_commands.register(app)
pages_command.register(app)
recorded_pages.register(app)
app.add_typer(warc_command.app, name="warc")
