"""Many jobs due in one minute, and many jobs to list: what a running stack (MANYCLAW_TEST_CONTROLS=1) makes of them.

``python -m bench.schedules [tenants] [jobs a tenant]``, with MANYCLAW_STATE naming the stack's folder.
"""

from __future__ import annotations

import sys
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

from cli.stage import stack_file
from manyclaw.schedules import JobBook, load_run, parts_of
from tests.integration.world import Customer, Person, World

WAIT_SECONDS = 300


def main() -> int:
    """Make the jobs, let them all be due at once, and tell how late the last was; 1 if one ran not exactly once."""
    tenants, each = (int(given) for given in (*sys.argv[1:], "50", "10")[:2])
    world = World(stack_file())
    began = time.monotonic()
    with ThreadPoolExecutor(8) as pool:
        people = list(pool.map(lambda _: _customer(world), range(tenants)))
    print(f"{tenants} tenants: {time.monotonic() - began:.1f} s", flush=True)
    stack_now = datetime.fromtimestamp(world.aws("GET", "clock")["now"], UTC)
    due = (stack_now + timedelta(minutes=30)).replace(second=0, microsecond=0)
    began = time.monotonic()
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda pair: _jobs(*pair, each, due), people))
    print(f"{tenants * each} jobs made: {time.monotonic() - began:.1f} s", flush=True)
    began = time.monotonic()
    assert len(JobBook(people[0][0].scope).page()[0]) == each + 3
    print(f"listing a tenant's: {1000 * (time.monotonic() - began):.0f} ms", flush=True)
    world.aws("POST", "clock", {"advance_seconds": (due - stack_now).total_seconds() + 1 - (time.monotonic() - began)})
    return _watch(people, each, f"{due:%Y-%m-%dT%H:%M:%SZ}", world)


def _customer(world: World) -> tuple[Customer, Person]:
    customer, person = world.customer("greeting: Hello.\n"), Person.new()
    world.ask(customer, person, "/start")
    return customer, person


def _jobs(customer: Customer, person: Person, count: int, due: datetime) -> None:
    book = JobBook(customer.scope)
    when = f"cron({due.minute} {due.hour} {due.day} {due.month} ? {due.year})"
    for number in range(count):
        values = {"prompt": f"say {customer.marker} {number}", "when": when, "chats": [str(person.id)]}
        book.add(f"job-{number}", {**values, "late_minutes": 1440})


def _watch(people: list[tuple[Customer, Person]], each: int, due: str, world: World) -> int:
    """Poll until every run is closed."""
    began = time.monotonic()
    open_ = {(customer.id, f"job-{number}"): customer for customer, _ in people for number in range(each)}
    while open_ and time.monotonic() - began < WAIT_SECONDS:
        for (tenant, job), customer in list(open_.items()):
            run = load_run(customer.scope, job, due)
            if run is None or run.outcome == "running":
                break
            assert run.outcome == "done", run
            del open_[tenant, job]
        time.sleep(0.1)
    print(f"all due, run and read: {time.monotonic() - began:.1f} s; never: {len(open_)}", flush=True)
    wrong = 0
    for customer, person in people:
        answers = world.answers(customer, person.id)[1:]
        parts = [parts_of(customer.scope, f"job-{number}", due) for number in range(each)]
        mine = all(customer.marker in answer for answer in answers)
        wrong += not mine or len(answers) != each or any(len(part) != 1 or part[0].error for part in parts)
    print(f"tenants with a job that ran not exactly once, or with another's words: {wrong}", flush=True)
    return int(bool(wrong or open_))


if __name__ == "__main__":
    sys.exit(main())
