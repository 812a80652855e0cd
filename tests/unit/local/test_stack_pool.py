"""When one more worker is worth its start on a machine with few cores."""

from __future__ import annotations

from local.aws.pool import Pace, most_workers, worth_starting

WEBHOOK = Pace(invocation=0.008, start=0.3)
AGENT = Pace(invocation=5.0, start=1.2)


def test_the_first_worker_is_started_at_once() -> None:
    assert worth_starting(Pace(), workers=0, waiting=1, waited=0.0)


def test_a_short_wait_for_a_quick_function_starts_nothing() -> None:
    assert not worth_starting(WEBHOOK, workers=2, waiting=10, waited=0.03)


def test_a_long_queue_does_even_for_a_quick_one() -> None:
    assert worth_starting(WEBHOOK, workers=1, waiting=200, waited=0.03)
    assert not worth_starting(WEBHOOK, workers=6, waiting=200, waited=0.03)


def test_a_function_that_waits_for_a_network_gets_as_many_as_it_needs() -> None:
    assert worth_starting(AGENT, workers=3, waiting=1, waited=0.03)


def test_nobody_waits_longer_than_a_start_takes() -> None:
    assert worth_starting(WEBHOOK, workers=6, waiting=1, waited=0.31)


def test_what_takes_a_whole_cpu_gets_no_more_workers_than_there_are_cpus() -> None:
    assert most_workers(1769, cpus=2) == 2
    assert most_workers(1024, cpus=2) is None
