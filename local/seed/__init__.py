"""The two tenants that a fresh embedded stack begins with, and the gateway's first configuration.

Everything goes through the same use cases as the operator's command. What a person has changed or deleted since stays
as it is: the seed puts a thing there once and writes down that it did (``GATEWAY``, ``SEED#{tenant}``).
"""

from local.seed.plant import seed as seed

__all__ = ["seed"]
