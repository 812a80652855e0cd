"""Runs one call of a tenant's code in a process of its own and tells how it ended.

Standard library only, and nothing of the product: this is what stands around code that nobody has read. It knows no
tenant, no AWS and no model; ``functions/skills`` hands it files and gets a result back.
"""

from manyclaw_sandbox.call import Call as Call
from manyclaw_sandbox.call import Ended as Ended
from manyclaw_sandbox.call import hide_this_process as hide_this_process
from manyclaw_sandbox.call import run_call as run_call
from manyclaw_sandbox.files import FilesRefused as FilesRefused
from manyclaw_sandbox.files import pack as pack
from manyclaw_sandbox.files import unpack as unpack
from manyclaw_sandbox.limits import LIMITS as LIMITS
from manyclaw_sandbox.limits import Limits as Limits

__all__ = ["LIMITS", "Call", "Ended", "FilesRefused", "Limits", "hide_this_process", "pack", "run_call", "unpack"]
