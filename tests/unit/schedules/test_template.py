"""What the template promises about schedules, which the embedded stack cannot show."""

from __future__ import annotations

from tests.unit.skills.test_template import RESOURCES


def test_what_the_scheduler_could_not_deliver_is_watched() -> None:
    alarm = RESOURCES["ScheduleDlqAlarm"]["Properties"]
    (dimension,) = alarm["Dimensions"]
    assert dimension == {"Name": "QueueName", "Value": "ScheduleDlq.QueueName"}
    assert (alarm["Namespace"], alarm["MetricName"]) == ("AWS/SQS", "ApproximateNumberOfMessagesVisible")
    assert (alarm["ComparisonOperator"], alarm["Threshold"]) == ("GreaterThanThreshold", 0)
    # The Scheduler can use a standard queue only, and its role may write there.
    assert "FifoQueue" not in RESOURCES["ScheduleDlq"]["Properties"]
    (policy,) = RESOURCES["SchedulerRole"]["Properties"]["Policies"]
    (statement,) = policy["PolicyDocument"]["Statement"]
    assert "ScheduleDlq.Arn" in statement["Resource"]


def test_the_night_compares_schedules_with_jobs_once() -> None:
    asked = [
        each["Properties"]["Target"]["Input"]
        for each in RESOURCES.values()
        if each["Type"] == "AWS::Scheduler::Schedule" and each["Properties"]["Target"]["Arn"] == "NightlyFunction.Arn"
    ]
    assert sorted(asked) == ['{"closed_days": 3}', '{"schedules": true}']
