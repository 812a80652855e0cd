"""EventBridge Scheduler as AWS runs it: time zones, context attributes, and nothing fired twice.

MiniStack looks every 10 s, reads every expression as UTC, hands `<aws.scheduler.*>` on as written, and forgets at a
restart what it has fired. Here the last occurrence is kept in the schedule's record, so it is saved with it.

An occurrence that passed while the stack was down is made up for once, with its own scheduled time, unless it is
older than the target's MaximumEventAgeInSeconds; of several missed ones only the newest is (a laptop that slept over
a weekend should not answer for every hour of it; on AWS, which never sleeps, each would have fired).
"""

import json
import logging
import re
import threading
import time
import uuid
from collections.abc import Mapping
from datetime import UTC, datetime, tzinfo
from typing import Any
from zoneinfo import ZoneInfo

from local.aws import activity
from local.aws.clock import CLOCK

logger = logging.getLogger("manyclaw.scheduler")

TICK_SECONDS = 1.0
LAST = "ManyclawLastOccurrence"  # in a schedule's record: epoch seconds of the newest occurrence that was fired
_DEFAULT_MAX_AGE_SECONDS = 86_400
_CRON_LOOK_BACK_SECONDS = 2 * 86_400  # older occurrences are past any event's maximum age and need no search
_LOOK_AHEAD_SECONDS = 86_400.0  # each schedule is looked at once a day at the least
_RATE = re.compile(r"^rate\((\d+)\s+(minute|hour|day)s?\)$")
_AT = re.compile(r"^at\((.+)\)$")
_RATE_UNIT_SECONDS = {"minute": 60, "hour": 3600, "day": 86_400}
_ATTRIBUTE = re.compile(r"<aws\.scheduler\.(schedule-arn|scheduled-time|execution-id|attempt-number)>")


def zone_of(schedule: dict[str, Any]) -> tzinfo:
    """The schedule's time zone; UTC when none is named or it is not known to this machine."""
    try:
        return ZoneInfo(schedule.get("ScheduleExpressionTimezone") or "UTC")
    except (KeyError, ValueError, OSError):
        return UTC


def due_occurrence(schedule: dict[str, Any], now: float) -> float | None:
    """The newest occurrence at or before `now` that was not fired yet, as epoch seconds, or None."""
    expression = str(schedule.get("ScheduleExpression", "")).strip()
    last = float(schedule.get(LAST) or 0.0)
    created = float(schedule.get("CreationDate") or now)
    begin = max(_epoch(schedule.get("StartDate")) or 0.0, created)
    at = _AT.match(expression)
    if at:
        moment = datetime.fromisoformat(at.group(1).strip())
        occurrence: float | None = moment.replace(tzinfo=moment.tzinfo or zone_of(schedule)).timestamp()
        assert occurrence is not None
        return occurrence if last < occurrence <= now else None
    rate = _RATE.match(expression)
    if rate:
        interval = int(rate.group(1)) * _RATE_UNIT_SECONDS[rate.group(2)]
        steps = int((now - begin) // interval)
        occurrence = begin + steps * interval if steps >= 1 else None
    else:
        changed = float(schedule.get("LastModificationDate") or created)
        oldest = max(last, begin - 60.0, changed - 60.0, now - _CRON_LOOK_BACK_SECONDS)
        occurrence = _newest_cron(expression, zone_of(schedule), oldest, now)
        if occurrence is not None and occurrence < max(begin, changed):
            occurrence = None
    return occurrence if occurrence is not None and last < occurrence <= now else None


class Dues:
    """When each schedule is to be looked at again, so that a pass over thousands of them costs next to nothing.

    A cron schedule cannot be due before the next time that its expression names; it is looked at again then, or when
    its record has changed. Rates and one-off times are cheap to compute and are not kept.
    """

    def __init__(self) -> None:
        self._not_before: dict[Any, tuple[Any, float]] = {}

    def may_be_due(self, key: Any, schedule: dict[str, Any], now: float) -> bool:
        """Whether the schedule has to be looked at."""
        known = self._not_before.get(key)
        return known is None or known[0] != _print(schedule) or now >= known[1]

    def not_before(self, key: Any, schedule: dict[str, Any], moment: float) -> None:
        """It was looked at and cannot be due before ``moment`` as it is."""
        self._not_before[key] = (_print(schedule), moment)

    def keep(self, keys: set[Any]) -> None:
        """Forget all other schedules."""
        if len(self._not_before) > len(keys):
            self._not_before = {key: value for key, value in self._not_before.items() if key in keys}


def _print(schedule: dict[str, Any]) -> Any:
    names = ("ScheduleExpression", "ScheduleExpressionTimezone", "LastModificationDate", "StartDate", LAST)
    return tuple(schedule.get(name) for name in names)


def _next_cron(schedule: dict[str, Any], now: float) -> float:
    """The next time that a cron expression names; a day ahead at the most."""
    from ministack.services import eventbridge

    zone = zone_of(schedule)
    fields = eventbridge._parse_cron_fields(str(schedule["ScheduleExpression"]).strip())
    wall = datetime.fromtimestamp(now, zone).replace(tzinfo=UTC)
    following = eventbridge._cron_next_fire(fields, wall) if fields is not None else None
    latest = now + _LOOK_AHEAD_SECONDS
    return latest if following is None else min(latest, following.replace(tzinfo=zone).timestamp())


def _newest_cron(expression: str, zone: tzinfo, after: float, now: float) -> float | None:
    from ministack.services import eventbridge

    fields = eventbridge._parse_cron_fields(expression)
    if fields is None:
        return None
    newest = None
    wall = datetime.fromtimestamp(after, zone).replace(tzinfo=UTC)
    while True:
        # MiniStack's search works on wall-clock fields, so it is given the zone's wall clock under a UTC label.
        wall = eventbridge._cron_next_fire(fields, wall)
        if wall is None:
            return newest
        local = wall.replace(tzinfo=zone)
        moment = local.timestamp()
        if datetime.fromtimestamp(moment, zone).replace(tzinfo=None) != wall.replace(tzinfo=None):
            continue  # the clocks skip this time of day: AWS skips the invocation
        if moment > now:
            return newest
        newest = moment


def substitute(text: str, *, arn: str, occurrence: float, execution: str, attempt: int = 1) -> str:
    """Replace Scheduler's context attributes in a target's input."""
    values = {
        "schedule-arn": arn,
        "scheduled-time": datetime.fromtimestamp(occurrence, UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "execution-id": execution,
        "attempt-number": str(attempt),
    }
    return _ATTRIBUTE.sub(lambda match: values[match.group(1)], text)


def _epoch(value: Any) -> float | None:
    if value is None:
        return None
    if isinstance(value, (int, float)):
        return float(value)
    return datetime.fromisoformat(str(value)).timestamp()


def _fire(schedule: dict[str, Any], occurrence: float, account: str, region: str) -> None:
    from ministack.services import eventbridge

    target = dict(schedule.get("Target") or {})
    if target.get("Input"):
        target["Input"] = substitute(
            target["Input"], arn=schedule["Arn"], occurrence=occurrence, execution=uuid.uuid4().hex[:16]
        )
    event = {
        "EventId": str(uuid.uuid4()),
        "Source": "aws.scheduler",
        "DetailType": "Scheduled Event",
        "Detail": "{}",
        "Time": occurrence,
        "Resources": [schedule["Arn"]],
        "Account": account,
        "Region": region,
    }
    eventbridge._invoke_target(target, event, schedule)
    logger.info("fired %s for %s", schedule["Arn"], datetime.fromtimestamp(occurrence, UTC).isoformat())


DUES = Dues()


def tick() -> None:
    """Fire what is due. The occurrence is noted before the target is called: at most once, as a retry would double
    what a target without deduplication does."""
    from ministack.core.responses import set_request_account_id, set_request_region
    from ministack.services import scheduler

    now = CLOCK.time()
    DUES.keep(set(scheduler._schedules._data))
    for state_key, schedule in list(scheduler._schedules._data.items()):
        if schedule.get("State") != "ENABLED" or not DUES.may_be_due(state_key, schedule, now):
            continue
        end = _epoch(schedule.get("EndDate"))
        if end is not None and now > end:
            if schedule.get("ActionAfterCompletion") == "DELETE":
                scheduler._schedules._data.pop(state_key, None)
            continue
        try:
            occurrence = due_occurrence(schedule, now)
        except ValueError:
            continue
        if occurrence is None:
            if str(schedule["ScheduleExpression"]).startswith("cron("):
                DUES.not_before(state_key, schedule, _next_cron(schedule, now))
            continue
        account, region, _ = state_key
        set_request_account_id(account)
        set_request_region(region)
        schedule[LAST] = occurrence
        retry = (schedule.get("Target") or {}).get("RetryPolicy") or {}
        if now - occurrence <= float(retry.get("MaximumEventAgeInSeconds") or _DEFAULT_MAX_AGE_SECONDS):
            _fire(schedule, occurrence, account, region)
        if str(schedule["ScheduleExpression"]).startswith("at(") and schedule.get("ActionAfterCompletion") == "DELETE":
            scheduler._schedules._data.pop(state_key, None)
        activity.mark()


def _loop() -> None:
    while True:
        time.sleep(TICK_SECONDS)
        try:
            tick()
        except Exception:
            logger.exception("the scheduler's pass failed; it goes on")


def schedule_arn_of(path: str, body: bytes, query: Mapping[str, Any], region: str, account: str) -> str | None:
    """The ARN that a request on one schedule is about, or None: the group stands in the body or in the query."""
    found = re.fullmatch(r"/schedules/([^/]+)", path)
    if not found:
        return None
    try:
        group = json.loads(body or b"{}").get("GroupName")
    except (ValueError, AttributeError):
        group = None
    asked = query.get("groupName")
    group = group or (asked[0] if isinstance(asked, list) else asked) or "default"
    return f"arn:aws:scheduler:{region}:{account}:schedule/{group}/{found.group(1)}"


def page_of_schedules(schedules: Mapping[str, Any], query: Mapping[str, Any]) -> dict[str, Any]:
    """ListSchedules by name, a page at a time; MiniStack gives the first page only."""
    prefix, group, after = (str(query.get(name) or "") for name in ("NamePrefix", "ScheduleGroup", "NextToken"))
    found = sorted(
        (each for each in schedules.values() if not group or each["GroupName"] == group), key=lambda each: each["Name"]
    )
    found = [each for each in found if each["Name"].startswith(prefix) and each["Name"] > after]
    limit = int(query.get("MaxResults") or 100)
    names = ("Arn", "Name", "GroupName", "State", "CreationDate", "LastModificationDate")
    page = [{name: each[name] for name in names} | {"Target": {"Arn": each["Target"]["Arn"]}} for each in found[:limit]]
    return {"Schedules": page} | ({"NextToken": page[-1]["Name"]} if len(found) > limit else {})


def _mend_api() -> None:
    """Rights on a schedule name its group, and lists go on after their first page."""
    from ministack.core import iam_actions
    from ministack.services import scheduler

    resource_of = iam_actions.extract_resource_arn

    def resource(
        service: str, method: str, path: str, headers: Any, body: bytes, query: Any, *rest: Any, **named: Any
    ) -> Any:
        known = resource_of(service, method, path, headers, body, query, *rest, **named)
        if service != "scheduler" or not isinstance(known, str) or ":schedule/" not in known:
            return known
        _, _, _, region, account, _ = known.split(":", 5)
        return schedule_arn_of(path, body, query or {}, region, account) or known

    def list_schedules(query: dict[str, Any]) -> Any:
        return scheduler._json_resp(200, page_of_schedules(scheduler._schedules, query))

    iam_actions.extract_resource_arn = resource
    scheduler._list_schedules = list_schedules


def install() -> None:
    """Run this loop in place of MiniStack's."""
    from ministack.services import scheduler

    scheduler.time = CLOCK
    _mend_api()

    def start() -> None:
        threading.Thread(target=_loop, daemon=True, name="manyclaw-scheduler").start()

    scheduler.start_scheduler = start
