"""Object Lock that outlives a restart: MiniStack keeps each object's retention in memory only."""


def install() -> None:
    """Save retention and legal holds with the buckets' settings."""
    from ministack.services import s3

    s3._PERSISTED_BUCKET_DICTS["object_retention"] = s3._object_retention
    s3._PERSISTED_BUCKET_DICTS["object_legal_hold"] = s3._object_legal_hold
