"""The deployment's resources: what would let data be lost, read by strangers, or kept too long."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

from cli.checks.finding import Check, Finding, is_true
from cli.checks.policies import read_template, refusals_gone, rights_of
from cli.checks.roles import names_of
from cli.context import Operator
from manyclaw.aws import error_code
from manyclaw.settings import REAL_ANTHROPIC, REAL_TELEGRAM

KEY_DAYS = 180


class Deployment:
    """The checks of one deployment's resources, by name."""

    def __init__(self, operator: Operator) -> None:
        self._operator = operator
        self._stage = operator.stage
        self._clients = operator.stage.clients
        self._table = operator.stage.settings.table
        self._buckets = [
            value for name, value in operator.stage.outputs.items() if name.endswith("BucketName") and value
        ]
        self._local = self._stage.name == "local"
        self._deploy = f"Deploy the template as it is: sam build && sam deploy --config-env {self._stage.name}"

    def checks(self) -> dict[str, tuple[str, Check]]:
        """Each check's name, what it looks at, and the check."""
        stack = self._stage.settings.stack
        found: dict[str, tuple[str, Check]] = {
            "deletion-protection": (self._table, self.deletion_protection),
            "backups": (self._table, self.backups),
            "queues": (stack, self.queues),
            "log-retention": (stack, self.log_retention),
            "throttling": ("the HTTP API", self.throttling),
            "functions": (stack, self.functions),
            "addresses": (stack, self.addresses),
            "anthropic-key": (f"/{stack}/anthropic", self.anthropic_key),
            "people": ("AWS account", self.people),
        }
        for bucket in self._buckets:
            found[f"bucket {bucket}"] = (bucket, lambda bucket=bucket: self.bucket(bucket))  # type: ignore[misc]
        if "AuditBucketName" in self._stage.outputs:
            bucket = self._stage.outputs["AuditBucketName"]
            found["audit-lock"] = (bucket, lambda: self.audit_lock(bucket))
            found["audit-policy"] = (bucket, lambda: self.audit_policy(bucket))
        return found

    def deletion_protection(self) -> Iterator[Finding]:
        table = self._clients.dynamodb.describe_table(TableName=self._table)["Table"]
        if not is_true(table.get("DeletionProtectionEnabled")):
            mend = "Set DeletionProtection=true in samconfig.toml's parameter_overrides and deploy."
            severity = self._unless_local("high")
            yield Finding("deletion-protection", severity, "The table can be deleted in one call.", self._table, mend)

    def backups(self) -> Iterator[Finding]:
        answer = self._clients.dynamodb.describe_continuous_backups(TableName=self._table)
        recovery = answer["ContinuousBackupsDescription"].get("PointInTimeRecoveryDescription", {})
        if recovery.get("PointInTimeRecoveryStatus") != "ENABLED":
            mend = f"aws dynamodb update-continuous-backups --table-name {self._table}"
            mend += " --point-in-time-recovery-specification PointInTimeRecoveryEnabled=true"
            what = "The table cannot be brought back to an earlier moment."
            yield Finding("backups", self._unless_local("high"), what, self._table, mend)

    def _unless_local(self, severity: str) -> str:
        """What the embedded stack lacks by its nature is only noted."""
        return "note" if self._local else severity

    def bucket(self, bucket: str) -> Iterator[Finding]:
        s3 = self._clients.s3
        blocked = _or_missing(s3.get_public_access_block, "NoSuchPublicAccessBlockConfiguration", Bucket=bucket)
        settings = blocked.get("PublicAccessBlockConfiguration", {})
        names = ("BlockPublicAcls", "BlockPublicPolicy", "IgnorePublicAcls", "RestrictPublicBuckets")
        if not all(is_true(settings.get(name)) for name in names):
            on = ",".join(f"{name}=true" for name in names)
            mend = f"aws s3api put-public-access-block --bucket {bucket} --public-access-block-configuration {on}"
            yield Finding("public-access", "critical", "The bucket may be made public.", bucket, mend)
        policy = json.loads(_or_missing(s3.get_bucket_policy, "NoSuchBucketPolicy", Bucket=bucket).get("Policy", "{}"))
        yield from self._bucket_policy(bucket, policy.get("Statement", []))
        if s3.get_bucket_versioning(Bucket=bucket).get("Status") != "Enabled":
            mend = f"aws s3api put-bucket-versioning --bucket {bucket} --versioning-configuration Status=Enabled"
            yield Finding("versioning", "medium", "What is overwritten or deleted is gone at once.", bucket, mend)
        name = "ServerSideEncryptionConfigurationNotFoundError"
        if not _or_missing(s3.get_bucket_encryption, name, Bucket=bucket):
            yield Finding("encryption", "medium", "The bucket names no encryption of its own.", bucket, self._deploy)

    def _bucket_policy(self, bucket: str, statements: list[dict[str, Any]]) -> Iterator[Finding]:
        for statement in statements:
            if statement["Effect"] == "Allow":
                severity = "critical" if "*" in str(statement.get("Principal")) else "high"
                who = json.dumps(statement.get("Principal"))
                what = f"The bucket's policy lets {who} do {statement.get('Action')}; the template's lets nobody."
                yield Finding("bucket-policy", severity, what, bucket, self._deploy)
        if not any(each["Effect"] == "Deny" and "SecureTransport" in json.dumps(each) for each in statements):
            yield Finding("bucket-policy", "medium", "The bucket answers without TLS too.", bucket, self._deploy)

    def audit_lock(self, bucket: str) -> Iterator[Finding]:
        name = "ObjectLockConfigurationNotFoundError"
        lock = _or_missing(self._clients.s3.get_object_lock_configuration, name, Bucket=bucket)
        rule = lock.get("ObjectLockConfiguration", {}).get("Rule", {}).get("DefaultRetention", {})
        if rule.get("Mode") != "COMPLIANCE":
            what = "Audit entries can be deleted: the bucket has no object lock in compliance mode."
            yield Finding("audit-lock", "critical", what, bucket, self._deploy)

    def audit_policy(self, bucket: str) -> Iterator[Finding]:
        template = read_template()
        policy = _or_missing(self._clients.s3.get_bucket_policy, "NoSuchBucketPolicy", Bucket=bucket)
        deployed = rights_of([policy.get("Policy", "{}")])
        names = names_of(self._operator, template)
        for right in refusals_gone(deployed, template.rights["AuditBucketPolicy"], names):
            what = f"The template's refusal of {right.said} is gone."
            yield Finding("audit-policy", "critical", what, bucket, self._deploy)

    def queues(self) -> Iterator[Finding]:
        for name, url in self._stage.outputs.items():
            if name.endswith(("QueueUrl", "DlqUrl")):
                answer = self._clients.sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]
                if not is_true(answer.get("SqsManagedSseEnabled")) and not answer.get("KmsMasterKeyId"):
                    what = "Messages lie in the queue unencrypted."
                    yield Finding("queues", "medium", what, url.rpartition("/")[2], self._deploy)

    def log_retention(self) -> Iterator[Finding]:
        stack = self._stage.settings.stack
        pages = self._clients.get("logs").get_paginator("describe_log_groups")
        for prefix in (f"/aws/lambda/{stack}-", f"/aws/http-api/{stack}"):
            for group in (each for page in pages.paginate(logGroupNamePrefix=prefix) for each in page["logGroups"]):
                if not group.get("retentionInDays"):
                    name = group["logGroupName"]
                    mend = f"aws logs put-retention-policy --log-group-name {name} --retention-in-days 30"
                    yield Finding("log-retention", "medium", "Logs are kept for ever.", name, mend)

    def throttling(self) -> Iterator[Finding]:
        api = self._stage.outputs["ApiId"]
        stage = self._clients.get("apigatewayv2").get_stage(ApiId=api, StageName="$default")
        settings = stage.get("DefaultRouteSettings") or {}
        if not settings.get("ThrottlingRateLimit") or not settings.get("ThrottlingBurstLimit"):
            what = "The HTTP API takes as many requests as the account allows."
            yield Finding("throttling", self._unless_local("medium"), what, api, self._deploy)

    def functions(self) -> Iterator[Finding]:
        client = self._clients.get("lambda")
        for name in sorted(value for key, value in self._stage.outputs.items() if key.endswith("FunctionName")):
            variables = client.get_function_configuration(FunctionName=name).get("Environment", {}).get("Variables", {})
            if "MANYCLAW_TEST_CONTROLS" in variables:
                yield Finding("test-controls", "critical", "The function runs with test controls.", name, self._deploy)
            policy = _or_missing(client.get_policy, "ResourceNotFoundException", FunctionName=name).get("Policy", "{}")
            for statement in json.loads(policy).get("Statement", []):
                if statement["Effect"] == "Allow" and not _is_service(statement.get("Principal")):
                    what = f"Its policy lets {json.dumps(statement.get('Principal'))} invoke it."
                    mend = f"aws lambda remove-permission --function-name {name} --statement-id {statement.get('Sid')}"
                    yield Finding("function-policy", "high", what, name, mend)
            url = _or_missing(client.get_function_url_config, "ResourceNotFoundException", FunctionName=name)
            if url.get("AuthType") == "NONE":
                mend = f"aws lambda delete-function-url-config --function-name {name}"
                yield Finding("function-url", "critical", "The function has a public URL of its own.", name, mend)

    def addresses(self) -> Iterator[Finding]:
        if self._stage.test_controls:
            what = "The embedded stack runs with test controls: whoever reaches its port can hold and drop its calls."
            yield Finding("test-controls", "low", what, "make dev", "Start it without MANYCLAW_TEST_CONTROLS.")
        if self._local:
            return
        settings = self._stage.settings
        for name, value, usual in (
            ("TelegramApiUrl", settings.telegram_api_url, REAL_TELEGRAM),
            ("AnthropicBaseUrl", settings.anthropic_base_url, REAL_ANTHROPIC),
        ):
            if value != usual:
                severity = "medium" if value.startswith("https://") else "high"
                what = f"Tokens, keys and conversations go to {value}, not to {usual}."
                yield Finding("addresses", severity, what, name, f"Deploy without the parameter {name}, if not meant.")

    def anthropic_key(self) -> Iterator[Finding]:
        name = f"/{self._stage.settings.stack}/anthropic"
        parameter = self._clients.ssm.get_parameter(Name=name)["Parameter"]
        if parameter["Type"] != "SecureString":
            yield Finding("anthropic-key", "critical", "The key is stored unencrypted.", name, _STORE_KEY)
        elif parameter["LastModifiedDate"] < datetime.now(UTC) - timedelta(days=KEY_DAYS):
            yield Finding("anthropic-key", "low", f"The key is older than {KEY_DAYS} days.", name, _STORE_KEY)

    def people(self) -> Iterator[Finding]:
        what = "Whether the people with the operator policy sign in with a second factor is not ours to see."
        yield Finding(
            "people", "note", what, "AWS account", "aws iam get-credential-report, or your identity provider."
        )


_STORE_KEY = "manyclaw stack anthropic-key"


def _or_missing(call: Any, code: str, **arguments: Any) -> dict[str, Any]:
    """The answer, or nothing where AWS says by ``code`` that there is none."""
    from botocore.exceptions import ClientError

    try:
        return dict(call(**arguments))
    except ClientError as error:
        if error_code(error) != code:
            raise
        return {}


def _is_service(principal: Any) -> bool:
    return isinstance(principal, dict) and set(principal) == {"Service"}
