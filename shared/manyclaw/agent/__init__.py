"""The bot's side of a conversation: one turn from an update to a delivered answer."""

from typing import TYPE_CHECKING

from manyclaw.front import lazy

if TYPE_CHECKING:
    from manyclaw.agent.envelope import Envelope as Envelope
    from manyclaw.agent.envelope import read_envelope as read_envelope
    from manyclaw.agent.pulse import Pulse as Pulse
    from manyclaw.agent.scheduled import run_scheduled as run_scheduled
    from manyclaw.agent.skill_tools import known_tools as known_tools
    from manyclaw.agent.tools import tool_names as tool_names
    from manyclaw.agent.turn import Attempt as Attempt
    from manyclaw.agent.turn import run_turn as run_turn
    from manyclaw.agent.upkeep_tools import job_tool_names as job_tool_names
else:
    __getattr__ = lazy(
        __name__,
        {
            "Attempt": "turn",
            "Envelope": "envelope",
            "Pulse": "pulse",
            "job_tool_names": "upkeep_tools",
            "known_tools": "skill_tools",
            "read_envelope": "envelope",
            "run_scheduled": "scheduled",
            "run_turn": "turn",
            "tool_names": "tools",
        },
    )
