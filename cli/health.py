"""Whether a deployment answers."""

from __future__ import annotations

from cli.stage import Stage


def health(stage: Stage) -> str:
    """``ok``, or in words what was seen instead. The embedded stack has a health page; elsewhere the webhook is asked
    for a tenant that cannot be, which it refuses with 401 when it is well."""
    import urllib3

    url, good = (stage.health_url, 200) if stage.health_url else (f"{stage.public_url}/telegram/-", 401)
    try:
        timeout = urllib3.Timeout(connect=3, read=10)
        answer = urllib3.request("GET" if good == 200 else "POST", url, retries=False, timeout=timeout)
    except urllib3.exceptions.HTTPError as error:
        return f"no answer from {url} ({type(error).__name__})"
    return "ok" if answer.status == good else f"{url} answered {answer.status}"
