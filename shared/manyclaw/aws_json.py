"""The two AWS calls that the webhook makes, without botocore's clients.

Loading botocore's session and service models costs about 200 ms at a cold start, more than everything else that the
webhook does together. Its signer alone is cheap, and both services speak the same JSON protocol, so the webhook signs
with botocore and sends with urllib3. Everything else in the product uses real clients (``manyclaw.aws``).
"""

from __future__ import annotations

import json
from functools import cache
from typing import Any, cast

import urllib3
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest

from manyclaw.errors import Misconfigured, Unavailable
from manyclaw.settings import aws_endpoint, runtime_credentials

_TARGETS = {"dynamodb": ("DynamoDB_20120810", "1.0"), "sqs": ("AmazonSQS", "1.0")}
_RETRIES = urllib3.Retry(
    total=3,
    redirect=0,
    status_forcelist=(500, 502, 503, 504),
    allowed_methods=None,
    backoff_factor=0.05,
    raise_on_status=False,
)


@cache
def _pool() -> urllib3.PoolManager:
    return urllib3.PoolManager(maxsize=4, retries=_RETRIES, timeout=urllib3.Timeout(connect=2, read=4))


class AwsJson:
    """Signed calls of ``dynamodb`` and ``sqs`` in one region, with the function's own credentials."""

    def __init__(self, region: str) -> None:
        self._region = region

    def call(self, service: str, action: str, arguments: dict[str, Any]) -> dict[str, Any]:
        """Call ``action`` of ``service``; both calls that we make may be repeated without harm.

        Raises
        ------
        Unavailable
            No answer, 5xx or throttled, after three retries.
        Misconfigured
            Any other refusal, such as a missing right.
        """
        target, version = _TARGETS[service]
        url = aws_endpoint(service, self._region) + "/"
        request = AWSRequest(
            method="POST",
            url=url,
            data=json.dumps(arguments, ensure_ascii=False).encode(),
            headers={"Content-Type": f"application/x-amz-json-{version}", "X-Amz-Target": f"{target}.{action}"},
        )
        SigV4Auth(cast("Any", runtime_credentials()), service, self._region).add_auth(request)
        try:
            response = _pool().request("POST", url, body=request.data, headers=dict(request.headers.items()))
        except urllib3.exceptions.HTTPError as error:
            raise Unavailable(f"{service} did not answer {action} ({type(error).__name__}).") from None
        answer: dict[str, Any] = json.loads(response.data or b"{}")
        if response.status == 200:
            return answer
        code = str(answer.get("__type", "")).rpartition("#")[2]
        if response.status >= 500 or "Throttl" in code or code == "ProvisionedThroughputExceededException":
            raise Unavailable(f"{service} answered {action} with {response.status} {code}.")
        raise Misconfigured(f"{service} refused {action}: {code}.", hint="Check the webhook function's role.")
