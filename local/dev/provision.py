"""What the stack needs besides the template: the operator, the table's TTL, the model's key, the gateway's config."""

import contextlib
import json
import urllib.request
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

from local.dev.build import DEPLOY_BUCKET
from local.dev.settings import REGION, ROOT, Settings
from local.dev.state import StateFolder

TTL_ATTRIBUTE = "expires_at"
_SIMULATED_KEY = "sk-ant-simulated"


class Provisioner:
    """Acts with the embedded AWS's own key, which no policy binds. Everything is safe to repeat."""

    def __init__(self, settings: Settings, state: StateFolder, endpoint: str) -> None:
        self._settings = settings
        self._state = state
        self._endpoint = endpoint
        self._session = boto3.Session("test", "test", region_name=REGION)

    def _client(self, service: str) -> Any:
        config = Config(retries={"total_max_attempts": 2}, connect_timeout=5, read_timeout=60)
        return self._session.client(service, endpoint_url=self._endpoint, config=config)  # type: ignore[call-overload]

    def make_deploy_bucket(self) -> None:
        """The bucket that `sam deploy` uploads to."""
        self._client("s3").create_bucket(Bucket=DEPLOY_BUCKET)

    def stack_status(self) -> str:
        """The stack's status, or an empty string if there is none."""
        try:
            stacks = self._client("cloudformation").describe_stacks(StackName=self._settings.stack_name)["Stacks"]
        except ClientError:
            return ""
        return str(stacks[0]["StackStatus"]) if stacks else ""

    def delete_failed_stack(self) -> None:
        """Remove a stack whose first creation failed, which CloudFormation cannot update."""
        self._client("cloudformation").delete_stack(StackName=self._settings.stack_name)

    def outputs(self) -> dict[str, str]:
        """The stack's outputs by key."""
        stack = self._client("cloudformation").describe_stacks(StackName=self._settings.stack_name)["Stacks"][0]
        return {output["OutputKey"]: output["OutputValue"] for output in stack.get("Outputs", [])}

    def set_ttl(self, table: str) -> None:
        """Expire items by `expires_at` (MiniStack's CloudFormation drops the template's setting)."""
        client = self._client("dynamodb")
        described = client.describe_time_to_live(TableName=table)["TimeToLiveDescription"]
        if described.get("TimeToLiveStatus") not in ("ENABLED", "ENABLING"):
            specification = {"Enabled": True, "AttributeName": TTL_ATTRIBUTE}
            client.update_time_to_live(TableName=table, TimeToLiveSpecification=specification)

    def lock_audit(self, bucket: str) -> None:
        """Object Lock as the template has it (MiniStack's CloudFormation drops the setting), for a year."""
        retention = {"Mode": "COMPLIANCE", "Years": 1}
        self._client("s3").put_object_lock_configuration(
            Bucket=bucket,
            ObjectLockConfiguration={"ObjectLockEnabled": "Enabled", "Rule": {"DefaultRetention": retention}},
        )

    def write_anthropic_key(self) -> None:
        """The operator's model key as SecureString. With the simulated model any key will do."""
        name = f"/{self._settings.stack_name}/anthropic"
        value = self._settings.anthropic_api_key or _SIMULATED_KEY
        client = self._client("ssm")
        with contextlib.suppress(ClientError):
            if client.get_parameter(Name=name, WithDecryption=True)["Parameter"]["Value"] == value:
                return
        client.put_parameter(Name=name, Value=value, Type="SecureString", Overwrite=True)

    def write_gateway_config(self, bucket: str) -> None:
        """The gateway's root config.yaml, if the bucket has none yet; an operator's own is never touched."""
        seed = ROOT / "local/seed/config.yaml"
        client = self._client("s3")
        try:
            client.head_object(Bucket=bucket, Key="config.yaml")
        except ClientError:
            if seed.exists():
                client.put_object(Bucket=bucket, Key="config.yaml", Body=seed.read_bytes())

    def make_operator(self, *policies: str | None) -> dict[str, str]:
        """An IAM user with the operator's policies and nothing else; its keys are kept, mode 0600, and reused."""
        client = self._client("iam")
        name = f"{self._settings.stack_name}-operator"
        with contextlib.suppress(client.exceptions.EntityAlreadyExistsException):
            client.create_user(UserName=name)
        for policy_arn in filter(None, policies):
            client.attach_user_policy(UserName=name, PolicyArn=policy_arn)
        kept: dict[str, str] | None = self._state.read_json("operator.json")
        existing = {key["AccessKeyId"] for key in client.list_access_keys(UserName=name)["AccessKeyMetadata"]}
        if kept and kept["access_key_id"] in existing:
            return kept
        for key in existing:
            client.delete_access_key(UserName=name, AccessKeyId=key)
        made = client.create_access_key(UserName=name)["AccessKey"]
        kept = {"access_key_id": made["AccessKeyId"], "secret_access_key": made["SecretAccessKey"]}
        self._state.write_json("operator.json", kept)
        return kept

    def function_names(self) -> list[str]:
        """The stack's functions."""
        resources = self._client("cloudformation").describe_stack_resources(StackName=self._settings.stack_name)
        return [
            resource["PhysicalResourceId"]
            for resource in resources["StackResources"]
            if resource["ResourceType"] == "AWS::Lambda::Function"
        ]

    def warm(self, functions: dict[str, int]) -> None:
        """Have this many idle workers of each function, handler imported, before a person's first message."""
        request = urllib.request.Request(  # noqa: S310 -- our own endpoint
            f"{self._endpoint}/_manyclaw/warm", data=json.dumps(functions).encode(), method="POST"
        )
        with urllib.request.urlopen(request, timeout=120) as response:  # noqa: S310
            failed = json.loads(response.read())["failed"]
        for name, error in failed.items():
            print(f"  {name} does not start: {error}", flush=True)
