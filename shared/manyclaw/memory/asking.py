"""The asking side: a search in the memory function, which owns LanceDB."""

from __future__ import annotations

import json

from manyclaw.aws import Clients
from manyclaw.errors import Unavailable
from manyclaw.memory.model import Passage, Subject
from manyclaw.settings import Settings
from manyclaw.tenancy import TenantId

BUDGET_SECONDS = 1.5
"""How long an answer waits for memory; then it goes on without."""

MAX_QUERY_CHARACTERS = 500


def recall(
    clients: Clients,
    settings: Settings,
    tenant: TenantId,
    whose: Subject,
    query: str,
    limit: int,
    seconds: float = BUDGET_SECONDS,
) -> list[Passage]:
    """The passages of ``whose`` memory that answer best to ``query``, best first.

    Raises
    ------
    Unavailable
        The function did not answer within ``seconds``, or failed.
    """
    from botocore.exceptions import BotoCoreError, ClientError

    request = {
        "action": "search",
        "tenant": tenant,
        "subject": whose,
        "query": query[:MAX_QUERY_CHARACTERS],
        "limit": limit,
    }
    try:
        answer = clients.impatient("lambda", seconds).invoke(
            FunctionName=settings.memory_function, Payload=json.dumps(request).encode()
        )
        payload = json.loads(answer["Payload"].read())
    except (BotoCoreError, ClientError, OSError, ValueError) as error:
        raise Unavailable(f"Memory did not answer ({type(error).__name__}).") from None
    if answer.get("FunctionError"):
        raise Unavailable(f"Memory failed: {str(payload.get('errorMessage', ''))[:200]}")
    return [Passage.from_wire(each) for each in payload["passages"]]
