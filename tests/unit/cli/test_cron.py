"""What the options of ``manyclaw cron add`` and ``edit`` make of a job."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
import typer
from typer.main import get_command
from typer.testing import CliRunner

from cli import cron
from cli.docs import commands
from cli.main import app
from manyclaw.errors import BadInput
from manyclaw.schedules import Job, JobSpec, check_spec

WEEKDAYS = "cron(0 9 ? * MON-FRI *)"


class Book:
    """One job, judged by the product's own rules; only the table is missing."""

    def __init__(self) -> None:
        self.job = Job("menu", check_spec({"when": WEEKDAYS, "prompt": "Tell the menu"}, datetime.now(UTC)))

    def add(self, job: str, values: dict[str, Any]) -> Job:
        self.job = Job(job, check_spec(values, datetime.now(UTC)))
        return self.job

    def edit(self, _: str, changes: dict[str, Any]) -> Job:
        return self.add(self.job.job, {**self.job.spec.model_dump(), **changes})


@pytest.fixture
def book(monkeypatch: pytest.MonkeyPatch) -> Book:
    book = Book()

    def book_of(_: typer.Context, __: str) -> Book:
        return book

    monkeypatch.setattr(cron, "book_of", book_of)
    return book


def _run(*words: str) -> int:
    return CliRunner().invoke(app, ["cron", *words]).exit_code


def test_a_quiet_job_that_pauses_early(book: Book) -> None:
    made = ("add", "acme", "menu", "--when", WEEKDAYS, "--prompt", "Tidy up", "--quiet", "--pause-after", "2")
    assert _run(*made) == 0
    assert (book.job.spec.quiet, book.job.spec.pause_after) == (True, 2)


def test_what_is_not_named_stays(book: Book) -> None:
    assert _run("edit", "acme", "menu", "--quiet", "--pause-after", "2") == 0
    assert _run("edit", "acme", "menu", "--prompt", "Tell the soup") == 0
    assert (book.job.spec.quiet, book.job.spec.pause_after) == (True, 2)
    assert _run("edit", "acme", "menu", "--no-quiet") == 0
    assert (book.job.spec.quiet, book.job.spec.pause_after) == (False, 2)


def test_a_number_of_failures_that_makes_no_sense_is_refused(book: Book) -> None:
    assert _run("edit", "acme", "menu", "--pause-after", "0") == BadInput.exit_code
    assert book.job.spec.pause_after == 5


@pytest.mark.parametrize("name", ["cron add", "cron edit"])
def test_every_value_of_a_job_has_an_option(name: str) -> None:
    given = {each.name for each in dict(commands(get_command(app)))[name].params}
    elsewhere = {"enabled": "off", "budget_run_usd": "budget_run", "budget_day_usd": "budget_day"}
    switched = {"enabled", "kind"} if name == "cron edit" else set()  # by enable and disable; a kind stays
    assert not {field for field in JobSpec.model_fields.keys() - switched if elsewhere.get(field, field) not in given}
