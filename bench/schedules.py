"""Many jobs: how fast they are made, listed and reconciled, and how late they are when they are due in one minute.

``python -m bench.schedules [tenants] [jobs a tenant] [--fire N]`` on a running stack (MANYCLAW_TEST_CONTROLS=1), with
MANYCLAW_STATE naming its folder. AWS requests and the processor's seconds are counted beside the time, so that figures
of a busy machine can be compared too.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time
from collections import Counter, deque
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from bench.cpu import used
from cli.stage import stack_file
from manyclaw.schedules import JobBook, Run, last_runs, load_run, parts_of, sync_tenant
from tests.integration.world import Customer, Person, World

WAIT_SECONDS = 900
SAMPLE = 100
FAR = "cron(0 3 1 1 ? *)"


@dataclass(frozen=True)
class Bench:
    """What is measured, and on which stack."""

    world: World
    people: list[tuple[Customer, Person]]
    each: int

    @contextmanager
    def phase(self, name: str, count: int) -> Iterator[None]:
        """Measure what is done in the ``with``: seconds, rate, AWS requests and processor seconds."""
        self.world.aws("POST", "requests/reset")
        supervisor = self.world.stack["pids"]["supervisor"]
        before, began = used(supervisor), time.monotonic()
        yield
        seconds = time.monotonic() - began
        cpu = {name: value - before.get(name, 0.0) for name, value in used(supervisor).items()}
        requests = Counter(self.world.aws("GET", "requests")["by_action"])
        spent = ", ".join(f"{who} {value:.1f}" for who, value in sorted(cpu.items()) if value > 0.05)
        print(f"{name}: {seconds:.1f} s, {count / seconds:.1f} a second")
        print(f"  {requests.total() / count:.2f} AWS requests each: {_each(requests, count)}")
        print(
            f"  {1000 * sum(cpu.values()) / count:.0f} ms of processor each ({sum(cpu.values()):.1f} s: {spent})",
            flush=True,
        )


def _each(requests: Counter[str], count: int) -> str:
    return ", ".join(f"{name} {value / count:.2f}" for name, value in requests.most_common(16))


def main() -> int:
    """Make the jobs, let some of them be due at once, and tell how late the last was; 1 if one ran not exactly once."""
    parser = argparse.ArgumentParser(prog="python -m bench.schedules", description=__doc__)
    parser.add_argument("tenants", type=int, nargs="?", default=50)
    parser.add_argument("jobs", type=int, nargs="?", default=10, help="jobs a tenant")
    parser.add_argument("--fire", type=int, default=500, help="how many of them are due in the same minute")
    options = parser.parse_args()
    world = World(stack_file())
    bench = Bench(world, [], options.jobs)
    with bench.phase(f"{options.tenants} tenants with a chat", options.tenants):
        bench.people.extend(_with_progress("tenants", options.tenants, lambda _: _customer(world)))
    firing = min(options.fire // options.jobs, options.tenants)
    now = datetime.fromtimestamp(world.aws("GET", "clock")["now"], UTC)
    due = (now + timedelta(hours=3)).replace(second=0, microsecond=0)
    when = f"cron({due.minute} {due.hour} {due.day} {due.month} ? {due.year})"

    def make(number: int) -> None:
        customer, person = bench.people[number]
        _jobs(customer, person, options.jobs, when if number < firing else FAR)

    with bench.phase(f"{options.tenants * options.jobs} jobs made", options.tenants * options.jobs):
        _with_progress("tenants' jobs", options.tenants, make)
    _list(bench)
    with bench.phase(f"{options.tenants * options.jobs} jobs reconciled", options.tenants * options.jobs):
        drifted = sum(_with_progress("tenants", options.tenants, lambda n: _drift(bench.people[n][0])))
    assert drifted == 0, drifted
    return _fire(bench, firing, due)


def _with_progress[T](what: str, count: int, work: Callable[[int], T]) -> list[T]:
    """``work(0)`` … ``work(count - 1)``, eight at a time, with a line each ten seconds."""
    done, shown = [], time.monotonic()
    with ThreadPoolExecutor(8) as pool:
        for result in pool.map(work, range(count)):
            done.append(result)
            if time.monotonic() - shown > 10:
                shown = time.monotonic()
                print(f"  … {len(done)} of {count} {what}", flush=True)
    return done


def _customer(world: World) -> tuple[Customer, Person]:
    """A tenant whose bot a person has spoken to. No agent need run for that: Telegram only has to know of the chat."""
    customer, person = world.customer(), Person.new()
    chat = {"id": person.id, "type": "private", "first_name": person.name}
    world.telegram("POST", "updates", {"bot": customer.username, "update": {"edited_message": {"chat": chat}}})
    return customer, person


def _jobs(customer: Customer, person: Person, count: int, when: str) -> None:
    book = JobBook(customer.scope)
    for number in range(count):
        values: dict[str, Any] = {"prompt": f"say {customer.marker} {number}", "when": when, "chats": [str(person.id)]}
        book.add(f"job-{number}", {**values, "late_minutes": 1440})


def _list(bench: Bench) -> None:
    """A tenant's first page with each job's last run, for some of the tenants."""
    sample = [customer for customer, _ in bench.people[:: max(1, len(bench.people) // SAMPLE)]]
    taken = []
    with bench.phase("a page of jobs with their last runs", len(sample)):
        for customer in sample:
            began = time.monotonic()
            jobs, following = JobBook(customer.scope).page()
            last_runs(customer.scope, [job.job for job in jobs])
            taken.append(1000 * (time.monotonic() - began))
            assert (len(jobs), following) == (bench.each + 3, "")
    taken.sort()
    print(f"  median {statistics.median(taken):.0f} ms, slowest {taken[-1]:.0f} ms", flush=True)


def _drift(customer: Customer) -> int:
    return len(list(sync_tenant(customer.scope, repair=False)))


def _fire(bench: Bench, firing: int, due: datetime) -> int:
    """Move the stack's clock to ``due`` and wait until every run is closed."""
    world, due_text = bench.world, f"{due:%Y-%m-%dT%H:%M:%SZ}"
    people = bench.people[:firing]
    now = datetime.fromtimestamp(world.aws("GET", "clock")["now"], UTC)
    with bench.phase(f"{firing * bench.each} jobs due in one minute", firing * bench.each):
        world.aws("POST", "clock", {"advance_seconds": (due - now).total_seconds()})
        began = datetime.now(UTC)
        runs = _closed_runs(people, bench.each, due_text)
    late = sorted((datetime.fromisoformat(run.finished_at) - began).total_seconds() for run in runs)
    print(f"  finished after its due time: median {late[len(late) // 2]:.1f} s, last {late[-1]:.1f} s", flush=True)
    workers = Counter(str(each["function"]) for each in world.aws("GET", "workers"))
    print(f"  workers now: {', '.join(f'{name} {count}' for name, count in sorted(workers.items()))}", flush=True)
    wrong = firing * bench.each - len(runs)
    for customer, person in people:
        answers = world.answers(customer, person.id)
        parts = [parts_of(customer.scope, f"job-{number}", due_text) for number in range(bench.each)]
        mine = all(customer.marker in answer for answer in answers)
        wrong += not mine or len(answers) != bench.each or any(len(part) != 1 or part[0].error for part in parts)
    print(f"  that ran not exactly once, or with another tenant's words: {wrong}", flush=True)
    return int(bool(wrong))


def _closed_runs(people: list[tuple[Customer, Person]], each: int, due: str) -> list[Run]:
    """All runs, once they are closed; polled seldom, since each poll costs the stack what it would rather do."""
    began = shown = time.monotonic()
    open_ = deque((customer, f"job-{number}") for customer, _ in people for number in range(each))
    closed: list[Run] = []
    while open_ and time.monotonic() - began < WAIT_SECONDS:
        while open_:
            customer, job = open_[0]
            run = load_run(customer.scope, job, due)
            if run is None or run.outcome == "running":
                break
            assert run.outcome == "done", run
            closed.append(run)
            open_.popleft()
        time.sleep(0.3)
        if time.monotonic() - shown > 10:
            shown = time.monotonic()
            print(f"  … {len(closed)} runs seen as closed after {shown - began:.0f} s", flush=True)
    return closed


if __name__ == "__main__":
    sys.exit(main())
