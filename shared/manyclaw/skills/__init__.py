"""Tenants' own skills: what one is, where it lies, and how its tools are called."""

from typing import TYPE_CHECKING

from manyclaw.front import lazy

if TYPE_CHECKING:
    from manyclaw.skills.bundle import Bundle as Bundle
    from manyclaw.skills.bundle import read_folder as read_folder
    from manyclaw.skills.calling import CALL_SECONDS as CALL_SECONDS
    from manyclaw.skills.calling import Caller as Caller
    from manyclaw.skills.calling import ToolAnswer as ToolAnswer
    from manyclaw.skills.calling import ToolFailed as ToolFailed
    from manyclaw.skills.index import SKILLS_ROW as SKILLS_ROW
    from manyclaw.skills.index import Index as Index
    from manyclaw.skills.index import Installed as Installed
    from manyclaw.skills.index import SkillTool as SkillTool
    from manyclaw.skills.index import load_index as load_index
    from manyclaw.skills.index import skills_of as skills_of
    from manyclaw.skills.store import READ_SKILL as READ_SKILL
    from manyclaw.skills.store import find as find
    from manyclaw.skills.store import forget_secrets as forget_secrets
    from manyclaw.skills.store import install as install
    from manyclaw.skills.store import load_bundle as load_bundle
    from manyclaw.skills.store import remove as remove
    from manyclaw.skills.store import set_secret as set_secret
else:
    __getattr__ = lazy(
        __name__,
        {
            "Bundle": "bundle",
            "CALL_SECONDS": "calling",
            "Caller": "calling",
            "Index": "index",
            "Installed": "index",
            "READ_SKILL": "store",
            "SKILLS_ROW": "index",
            "SkillTool": "index",
            "ToolAnswer": "calling",
            "ToolFailed": "calling",
            "find": "store",
            "forget_secrets": "store",
            "install": "store",
            "load_bundle": "store",
            "load_index": "index",
            "read_folder": "bundle",
            "remove": "store",
            "set_secret": "store",
            "skills_of": "index",
        },
    )
