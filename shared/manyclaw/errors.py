"""Every error of the product, in one tree.

::

    ManyclawError
    ├── PermanentError            trying again cannot help
    │   ├── BadInput              a value somebody gave is wrong        (HTTP 400, exit 2)
    │   │   └── NeedsPrecondition a change must say what it changes     (HTTP 428)
    │   ├── NotFound              no such tenant, pairing, file         (HTTP 404, exit 3)
    │   ├── Conflict              it is there already, or has changed   (HTTP 409, exit 4)
    │   │   └── Stale             it has changed since it was read      (HTTP 412)
    │   ├── Refused               a secret, right or status forbids it  (HTTP 401, exit 5)
    │   │   └── Forbidden         known, but without the right to it    (HTTP 403)
    │   └── Misconfigured         the deployment itself lacks something (HTTP 500, exit 6)
    └── RetryableError            the same call may work later          (HTTP 503, exit 7)
        ├── Unavailable           another service is down or busy
        ├── Throttled             too many tries in too short a time    (HTTP 429)
        └── Superseded            another attempt has taken this turn over

Each message says what was wrong, with which value, and what to do. None ever holds a secret.
"""

from __future__ import annotations


class ManyclawError(Exception):
    """The root. ``hint`` says what the reader can do about it."""

    exit_code = 1
    http_status = 500

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.message} {self.hint}".strip()


class PermanentError(ManyclawError):
    """Trying the same again cannot help."""


class BadInput(PermanentError):
    """A value that somebody gave is wrong."""

    exit_code = 2
    http_status = 400


class NeedsPrecondition(BadInput):
    """A change that does not say which version it changes."""

    http_status = 428


class NotFound(PermanentError):
    """What was named is not there."""

    exit_code = 3
    http_status = 404


class Conflict(PermanentError):
    """It is there already, or has changed since it was read."""

    exit_code = 4
    http_status = 409


class Stale(Conflict):
    """It has changed since the writer read it."""

    http_status = 412


class Refused(PermanentError):
    """A missing right, a wrong secret or the tenant's status forbids it."""

    exit_code = 5
    http_status = 401


class Forbidden(Refused):
    """We know who asks, and that they may not."""

    http_status = 403


class Misconfigured(PermanentError):
    """The deployment lacks something that the operator has to provide."""

    exit_code = 6
    http_status = 500


class RetryableError(ManyclawError):
    """The same call may work later, after ``retry_after`` seconds if the other side named a time."""

    exit_code = 7
    http_status = 503

    def __init__(self, message: str, *, hint: str = "", retry_after: float | None = None) -> None:
        super().__init__(message, hint=hint)
        self.retry_after = retry_after


class Unavailable(RetryableError):
    """Another service is down, busy or did not answer in time."""


class Throttled(RetryableError):
    """Too many tries in too short a time; ``retry_after`` says when the next one is judged."""

    http_status = 429


class Superseded(RetryableError):
    """Another attempt has taken this turn over; this one must not write any more."""
