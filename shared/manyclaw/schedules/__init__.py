"""Each tenant's own cron: jobs, their due times, the ledger of their runs, presets and users' reminders."""

from typing import TYPE_CHECKING

from manyclaw.front import lazy

if TYPE_CHECKING:
    from manyclaw.schedules.audience import OWN as OWN
    from manyclaw.schedules.audience import chats_of as chats_of
    from manyclaw.schedules.audience import subscribe as subscribe
    from manyclaw.schedules.book import JobBook as JobBook
    from manyclaw.schedules.deciding import Due as Due
    from manyclaw.schedules.deciding import is_dead as is_dead
    from manyclaw.schedules.deciding import why_not as why_not
    from manyclaw.schedules.finishing import abandon_run as abandon_run
    from manyclaw.schedules.finishing import finish_only_part as finish_only_part
    from manyclaw.schedules.finishing import finish_part as finish_part
    from manyclaw.schedules.finishing import settle_run as settle_run
    from manyclaw.schedules.model import MOST_CHATS as MOST_CHATS
    from manyclaw.schedules.model import Job as Job
    from manyclaw.schedules.model import JobSpec as JobSpec
    from manyclaw.schedules.model import check_spec as check_spec
    from manyclaw.schedules.model import conversation_id as conversation_id
    from manyclaw.schedules.model import job_id as job_id
    from manyclaw.schedules.pausing import clear_notice as clear_notice
    from manyclaw.schedules.pausing import pause_if_failing as pause_if_failing
    from manyclaw.schedules.pausing import switch_off as switch_off
    from manyclaw.schedules.presets import PRESETS as PRESETS
    from manyclaw.schedules.presets import preset as preset
    from manyclaw.schedules.reconciling import Reconciled as Reconciled
    from manyclaw.schedules.reconciling import reconcile as reconcile
    from manyclaw.schedules.reconciling import schedules_of as schedules_of
    from manyclaw.schedules.reminders import Reminder as Reminder
    from manyclaw.schedules.reminders import cancel_reminder as cancel_reminder
    from manyclaw.schedules.reminders import keep_zone as keep_zone
    from manyclaw.schedules.reminders import open_reminders as open_reminders
    from manyclaw.schedules.reminders import set_reminder as set_reminder
    from manyclaw.schedules.reminders import user_zone as user_zone
    from manyclaw.schedules.runs import FAILED as FAILED
    from manyclaw.schedules.runs import RUNNING as RUNNING
    from manyclaw.schedules.runs import DayIsFull as DayIsFull
    from manyclaw.schedules.runs import Part as Part
    from manyclaw.schedules.runs import Run as Run
    from manyclaw.schedules.runs import claim_by_hand as claim_by_hand
    from manyclaw.schedules.runs import claim_run as claim_run
    from manyclaw.schedules.runs import due_text as due_text
    from manyclaw.schedules.runs import last_runs as last_runs
    from manyclaw.schedules.runs import load_run as load_run
    from manyclaw.schedules.runs import page_of_runs as page_of_runs
    from manyclaw.schedules.runs import parts_of as parts_of
    from manyclaw.schedules.runs import skip_run as skip_run
    from manyclaw.schedules.runs import spent_today as spent_today
    from manyclaw.schedules.sending import run_now as run_now
    from manyclaw.schedules.sending import send_parts as send_parts
    from manyclaw.schedules.standing import Standing as Standing
    from manyclaw.schedules.standing import load_standing as load_standing
    from manyclaw.schedules.store import delete_job as delete_job
    from manyclaw.schedules.store import load_job as load_job
    from manyclaw.schedules.sync import Drift as Drift
    from manyclaw.schedules.sync import erase_schedules as erase_schedules
    from manyclaw.schedules.sync import sync_tenant as sync_tenant
    from manyclaw.schedules.timetable import follow as follow
    from manyclaw.schedules.timetable import remove_schedule as remove_schedule
    from manyclaw.schedules.when import When as When
    from manyclaw.schedules.when import parse_when as parse_when
else:
    __getattr__ = lazy(
        __name__,
        {
            **dict.fromkeys(("OWN", "chats_of", "subscribe"), "audience"),
            **dict.fromkeys(("JobBook",), "book"),
            **dict.fromkeys(("Due", "is_dead", "why_not"), "deciding"),
            **dict.fromkeys(("MOST_CHATS", "Job", "JobSpec", "check_spec", "conversation_id", "job_id"), "model"),
            **dict.fromkeys(("clear_notice", "pause_if_failing", "switch_off"), "pausing"),
            **dict.fromkeys(("PRESETS", "preset"), "presets"),
            **dict.fromkeys(
                ("Reminder", "cancel_reminder", "keep_zone", "open_reminders", "set_reminder", "user_zone"), "reminders"
            ),
            **dict.fromkeys(("abandon_run", "finish_only_part", "finish_part", "settle_run"), "finishing"),
            **dict.fromkeys(
                (
                    *("FAILED", "RUNNING", "DayIsFull", "Part", "Run", "claim_by_hand", "claim_run", "due_text"),
                    *("last_runs", "load_run", "page_of_runs", "parts_of", "skip_run", "spent_today"),
                ),
                "runs",
            ),
            **dict.fromkeys(("Reconciled", "reconcile", "schedules_of"), "reconciling"),
            **dict.fromkeys(("run_now", "send_parts"), "sending"),
            **dict.fromkeys(("Standing", "load_standing"), "standing"),
            **dict.fromkeys(("delete_job", "load_job"), "store"),
            **dict.fromkeys(("Drift", "erase_schedules", "sync_tenant"), "sync"),
            **dict.fromkeys(("follow", "remove_schedule"), "timetable"),
            **dict.fromkeys(("When", "parse_when"), "when"),
        },
    )
