"""Requests count as made over TLS: `aws:SecureTransport` is true.

The stack speaks plain HTTP on the loopback address, where nobody listens in. A bucket policy that refuses requests
without TLS is right on AWS and must not lock the stack out of its own bucket.
"""


def install() -> None:
    """Say so for every request."""
    from ministack import app

    pin_origin = app.pin_request_origin

    def pin_as_secure(address: str, _secure: bool) -> None:
        pin_origin(address, True)

    app.pin_request_origin = pin_as_secure
