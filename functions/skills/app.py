"""The environment of one tenant's own code. Invoked with the tenant's id; its role may do nothing.

Lambda's tenant isolation mode gives each tenant an environment of its own. This refuses to serve a second one all the
same, should anything ever route it here.
"""

from __future__ import annotations

import base64
import os
from typing import Any

from manyclaw.logs import configure_logging, fields
from manyclaw.settings import embedded
from manyclaw_sandbox import Call, FilesRefused, hide_this_process, run_call

log = configure_logging()
_served: list[str] = []
hide_this_process()


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """One call in, its result, changed scratch folder and facts out (``manyclaw.skills.calling`` has the shapes).

    An empty event warms the process up and does nothing else.
    """
    if not event:
        return {}
    tenant = getattr(context, "tenant_id", None)
    if not tenant or tenant != event["tenant"]:
        raise PermissionError(f"invoked for tenant {tenant!r} with a call of {event['tenant']!r}")
    if _served and _served[0] != tenant:
        raise PermissionError("this environment belongs to another tenant")
    _served[:] = [tenant]
    try:
        ended = run_call(_call(event))
    except FilesRefused as refused:
        return {"error": f"The skill's files cannot be used: {refused}.", "log": "", "facts": {}}
    if ended.broken:  # what is left of the call goes with this process; the agent sees that the function failed
        log.error("environment ended", extra=fields(tenant=tenant, skill=event["skill"], tool=event["tool"]))
        os._exit(1)
    log.info("tool", extra=fields(tenant=tenant, skill=event["skill"], tool=event["tool"], **ended.facts))
    scratch = base64.b64encode(ended.scratch).decode() if ended.scratch is not None else None
    return {"text": ended.text, "error": ended.error, "scratch": scratch, "log": ended.log, "facts": ended.facts}


def _call(event: dict[str, Any]) -> Call:
    return Call(
        tool=event["tool"],
        arguments=event["arguments"],
        secrets=event["secrets"],
        files=base64.b64decode(event["files"]),
        scratch=base64.b64decode(event["scratch"]) if event.get("scratch") else None,
        # The embedded stack's AWS takes a key that anybody knows: there, a skill has no network.
        network=not embedded(),
    )
