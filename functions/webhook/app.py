"""POST /telegram/{tenant}: check, queue, answer. The cheapest part of the product; keep it so."""

from __future__ import annotations

import base64
import binascii
from functools import cache
from typing import Any

from manyclaw.aws_json import AwsJson
from manyclaw.errors import BadInput, ManyclawError, Refused, RetryableError
from manyclaw.logs import configure_logging, fields, guarded
from manyclaw.settings import settings
from manyclaw.telegram.intake import Intake

log = configure_logging()


@cache
def _intake() -> Intake:
    return Intake(settings(), AwsJson(settings().region))


@guarded
def handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    """An HTTP API event (payload 2.0) in, a bare status out: Telegram reads nothing else.

    200 queued or not for us; 400 no update; 401 not from this tenant's bot; 503 try again, as Telegram does for 24 h.
    """
    tenant = (event.get("pathParameters") or {}).get("tenant", "")
    secret = (event.get("headers") or {}).get("x-telegram-bot-api-secret-token", "")
    try:
        head = _intake().accept(tenant, secret, _body(event))
    except Refused:
        return _answer(401, tenant, "refused")
    except BadInput as error:
        return _answer(400, tenant, error.message)
    except RetryableError as error:
        return _answer(503, tenant, error.message)
    except ManyclawError as error:
        return _answer(500, tenant, str(error))
    return _answer(200, tenant, "queued" if head.chat_id is not None else "not handled", kind=head.kind)


def _body(event: dict[str, Any]) -> bytes:
    body = event.get("body") or ""
    if not event.get("isBase64Encoded"):
        return str(body).encode("utf-8", "surrogatepass")
    try:
        return base64.b64decode(body, validate=True)
    except (binascii.Error, ValueError):
        raise BadInput("The body is not valid base64.") from None


def _answer(status: int, tenant: str, outcome: str, **more: object) -> dict[str, Any]:
    line = log.info if status == 200 else log.warning
    line("update", extra=fields(tenant=tenant[:40], status=status, outcome=outcome, **more))
    return {"statusCode": status, "headers": {"Content-Type": "text/plain"}, "body": "" if status == 200 else "refused"}
