"""EventBridge Scheduler's occurrences, zones and context attributes."""

from __future__ import annotations

from datetime import UTC, datetime

from local.aws.scheduler import LAST, Dues, due_occurrence, page_of_schedules, schedule_arn_of, substitute

CREATED = datetime(2026, 11, 1, 9, 0, tzinfo=UTC).timestamp()


def test_at_is_read_in_the_schedules_time_zone() -> None:
    schedule = {
        "ScheduleExpression": "at(2026-11-02T08:00:00)",
        "ScheduleExpressionTimezone": "Europe/Berlin",
        "CreationDate": CREATED,
    }
    due = datetime(2026, 11, 2, 7, 0, tzinfo=UTC).timestamp()
    assert due_occurrence(schedule, due - 1) is None
    assert due_occurrence(schedule, due) == due


def test_at_is_not_fired_twice_also_after_a_restart() -> None:
    due = datetime(2026, 11, 2, 8, 0, tzinfo=UTC).timestamp()
    schedule = {"ScheduleExpression": "at(2026-11-02T08:00:00)", "CreationDate": CREATED, LAST: due}
    assert due_occurrence(schedule, due + 86_400) is None


def test_rate_gives_the_newest_occurrence_once() -> None:
    schedule = {"ScheduleExpression": "rate(5 minutes)", "CreationDate": CREATED}
    assert due_occurrence(schedule, CREATED + 299) is None
    assert due_occurrence(schedule, CREATED + 300) == CREATED + 300
    assert due_occurrence(schedule, CREATED + 1000) == CREATED + 900
    assert due_occurrence({**schedule, LAST: CREATED + 900}, CREATED + 1000) is None


def test_context_attributes_are_substituted_and_other_text_stays() -> None:
    text = substitute(
        '{"at":"<aws.scheduler.scheduled-time>","id":"<aws.scheduler.execution-id>",'
        '"n":"<aws.scheduler.attempt-number>","arn":"<aws.scheduler.schedule-arn>","x":"<aws.other>"}',
        arn="arn:s",
        occurrence=CREATED,
        execution="abc",
    )
    assert text == '{"at":"2026-11-01T09:00:00Z","id":"abc","n":"1","arn":"arn:s","x":"<aws.other>"}'


def test_rights_and_lists_know_a_schedules_group() -> None:
    found = schedule_arn_of("/schedules/a.daily", b'{"GroupName":"manyclaw"}', {}, "us-east-1", "1")
    assert found == "arn:aws:scheduler:us-east-1:1:schedule/manyclaw/a.daily"
    assert schedule_arn_of("/schedules/a", b"", {"groupName": ["g"]}, "r", "1") == "arn:aws:scheduler:r:1:schedule/g/a"
    assert schedule_arn_of("/schedules", b"", {}, "r", "1") is None
    every = {
        f"g/{name}": {
            **dict.fromkeys(("Arn", "State", "CreationDate", "LastModificationDate"), "x"),
            "Name": name,
            "GroupName": "g",
            "Target": {"Arn": "q"},
        }
        for name in ("a.1", "a.2", "b.1")
    }
    first = page_of_schedules(every, {"ScheduleGroup": "g", "MaxResults": "2"})
    assert [each["Name"] for each in first["Schedules"]] == ["a.1", "a.2"]
    rest = page_of_schedules(every, {"ScheduleGroup": "g", "NextToken": first["NextToken"]})
    assert [each["Name"] for each in rest["Schedules"]] == ["b.1"]
    assert "NextToken" not in rest


def test_a_schedule_is_looked_at_again_when_it_may_be_due_or_has_changed() -> None:
    dues, schedule = Dues(), {"ScheduleExpression": "cron(0 9 * * ? *)", "LastModificationDate": CREATED}
    assert dues.may_be_due("a", schedule, CREATED)
    dues.not_before("a", schedule, CREATED + 60)
    assert not dues.may_be_due("a", schedule, CREATED + 59)
    assert dues.may_be_due("a", schedule, CREATED + 60)
    assert dues.may_be_due("a", {**schedule, "LastModificationDate": CREATED + 1}, CREATED + 59)
    assert dues.may_be_due("a", {**schedule, "ScheduleExpressionTimezone": "Asia/Tokyo"}, CREATED + 59)
    dues.keep(set())
    assert dues.may_be_due("a", schedule, CREATED)
