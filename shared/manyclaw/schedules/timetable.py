"""A job's schedule in EventBridge Scheduler, which follows from its row: switched on, it has one; otherwise none.

All tenants' schedules lie in one group, named ``{tenant}.{job}``; the tenant's session may touch its own only.
"""

from __future__ import annotations

import json
from typing import Any

from manyclaw.aws import error_code
from manyclaw.schedules.model import Job
from manyclaw.tenancy import TenantScope

MOST_SECONDS_LATE = 86_400
"""For how long the Scheduler tries to put a due time on the queue; after that it becomes a dead letter."""


def due_body(tenant: str, job: Job, scheduled_time: str = "<aws.scheduler.scheduled-time>") -> str:
    """What lies on the queue when a job is due.

    It holds no id of the attempt, so that the queue's deduplication by content sees one due time as one message.
    """
    body = {"source": "schedule", "tenant": tenant, "job": job.job, "version": job.version}
    return json.dumps({**body, "scheduled_time": scheduled_time}, separators=(",", ":"))


def due_group(tenant: str, job: str) -> str:
    """The queue's group of a job's due times: one after another."""
    return f"{tenant}/job/{job}"


def wanted_schedule(scope: TenantScope, job: Job) -> dict[str, Any]:
    """The schedule as EventBridge Scheduler should have it."""
    expression, zone = job.when.for_scheduler()
    return {
        "ScheduleExpression": expression,
        "ScheduleExpressionTimezone": zone,
        "State": "ENABLED",
        "FlexibleTimeWindow": {"Mode": "OFF"},
        "ActionAfterCompletion": "DELETE" if job.when.kind == "at" else "NONE",
        "Target": {
            "Arn": scope.deployment_arn("sqs", "inbound.fifo"),
            "RoleArn": scope.deployment_arn("iam", "role/scheduler"),
            "Input": due_body(scope.tenant, job),
            "SqsParameters": {"MessageGroupId": due_group(scope.tenant, job.job)},
            "RetryPolicy": {"MaximumEventAgeInSeconds": MOST_SECONDS_LATE, "MaximumRetryAttempts": 185},
            "DeadLetterConfig": {"Arn": scope.deployment_arn("sqs", "schedule-dlq")},
        },
    }


def follow(scope: TenantScope, job: Job) -> None:
    """Bring the schedule to what the job's row says. Safe to repeat."""
    from botocore.exceptions import ClientError

    if not job.spec.enabled:
        remove_schedule(scope, job.job)
        return
    client = scope.clients.get("scheduler")
    named = {"Name": scope.schedule_name(job.job), "GroupName": scope.schedule_group}
    wanted = wanted_schedule(scope, job)
    try:
        client.create_schedule(**named, **wanted)
    except ClientError as error:
        if error_code(error) != "ConflictException":
            raise
        client.update_schedule(**named, **wanted)


def remove_schedule(scope: TenantScope, job: str) -> bool:
    """Remove a job's schedule; False if there was none."""
    from botocore.exceptions import ClientError

    try:
        scope.clients.get("scheduler").delete_schedule(Name=scope.schedule_name(job), GroupName=scope.schedule_group)
    except ClientError as error:
        if error_code(error) != "ResourceNotFoundException":
            raise
        return False
    return True


def found_schedule(scope: TenantScope, job: str) -> dict[str, Any] | None:
    """The schedule as it is, or None."""
    from botocore.exceptions import ClientError

    try:
        found: dict[str, Any] = scope.clients.get("scheduler").get_schedule(
            Name=scope.schedule_name(job), GroupName=scope.schedule_group
        )
    except ClientError as error:
        if error_code(error) != "ResourceNotFoundException":
            raise
        return None
    return found


def drift(scope: TenantScope, job: Job) -> str:
    """How the schedule differs from the job's row: missing, left over, differs, or an empty string."""
    found = found_schedule(scope, job.job)
    if found is None or not job.spec.enabled:
        return "missing" if job.spec.enabled else "left over" if found else ""
    wanted = wanted_schedule(scope, job)
    same = all(found.get(name) == wanted[name] for name in wanted if name != "Target") and all(
        found["Target"].get(name) == wanted["Target"][name] for name in ("Arn", "RoleArn", "Input", "SqsParameters")
    )
    return "" if same else "differs"
