"""The one error of the simulated Messages API."""

from typing import Any

TYPES = {
    400: "invalid_request_error",
    401: "authentication_error",
    403: "permission_error",
    404: "not_found_error",
    413: "request_too_large",
    429: "rate_limit_error",
    500: "api_error",
    529: "overloaded_error",
}
MESSAGES = {
    429: "This request would exceed your account's rate limit. Please try again later.",
    500: "Internal server error",
    529: "Overloaded",
}


class ModelApiError(Exception):
    """What a request is refused with; ``retry_after`` in seconds becomes the header of that name."""

    def __init__(self, status: int, message: str = "", *, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.message = message or MESSAGES.get(status, "Error")
        self.retry_after = retry_after

    def body(self, request_id: str) -> dict[str, Any]:
        """The response's JSON, as Anthropic shapes it."""
        kind = TYPES.get(self.status, "api_error")
        return {"type": "error", "error": {"type": kind, "message": self.message}, "request_id": request_id}


def invalid(message: str) -> ModelApiError:
    """400 invalid_request_error."""
    return ModelApiError(400, message)
