"""cluster.yaml: through Ray's own schema, loader and AWS provider, the latter against moto's EC2 and IAM."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
import yaml
from ray.autoscaler._private import commands, providers
from ray.autoscaler._private.util import prepare_config, validate_config
from ray.scripts.scripts import start as ray_start

from tests.servers import moto_s3

ROOT = Path(__file__).parents[2]
STACK = ROOT / "deploy" / "aws" / "stack.yaml"
SHELLCHECK = Path(sys.executable).with_name("shellcheck")


def load() -> dict[str, Any]:
    return dict(yaml.safe_load((ROOT / "cluster.yaml").read_text()))


def test_ray_accepts_it() -> None:
    config = prepare_config(load())
    validate_config(config)
    types = config["available_node_types"]
    assert config["head_node_type"] == "head"
    assert {name: node["min_workers"] for name, node in types.items()} == dict.fromkeys(types, 0)
    assert types["head"]["resources"]["CPU"] == 0  # no task of ours runs beside the cluster's own services


def test_a_wrong_key_is_refused() -> None:
    """The schema is a real check: without it a misspelt key would be silently ignored."""
    with pytest.raises(Exception, match="idle_timeout_minuts"):
        validate_config(prepare_config(load() | {"idle_timeout_minuts": 3}))


@pytest.fixture
def security_group(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """An AWS account in which deploy/aws/stack.yaml was deployed, and the group's id that it printed."""
    with moto_s3() as server:
        for name, value in {**server.env, "AWS_ENDPOINT_URL": server.endpoint, "HOME": str(tmp_path)}.items():
            monkeypatch.setenv(name, value)
        stacks = boto3.client("cloudformation", region_name="us-west-2")
        values = {"Bucket": "my-bucket", "SshFrom": "203.0.113.7/32"}
        stacks.create_stack(
            StackName="mmsum",
            TemplateBody=STACK.read_text(),
            Parameters=[{"ParameterKey": key, "ParameterValue": value} for key, value in values.items()],
            Capabilities=["CAPABILITY_NAMED_IAM"],
        )
        (stack,) = stacks.describe_stacks(StackName="mmsum")["Stacks"]
        yield stack["Outputs"][0]["OutputValue"]


def test_every_node_type_launches(security_group: str) -> None:
    """What `ray up` and the autoscaler do up to the running machine: bootstrap, then one machine of each type."""
    text = (ROOT / "cluster.yaml").read_text().replace("sg-0123456789abcdef0", security_group)
    config = commands._bootstrap_config(yaml.safe_load(text), no_config_cache=True)
    provider = providers._get_node_provider(config["provider"], config["cluster_name"])
    for name, node in config["available_node_types"].items():
        provider.create_node(dict(node["node_config"]), {"ray-node-type": "worker", "ray-user-node-type": name}, 1)
    ec2 = boto3.client("ec2", region_name="us-west-2")
    launched = {}
    for reservation in ec2.describe_instances()["Reservations"]:
        for machine in reservation["Instances"]:
            tags = {tag["Key"]: tag["Value"] for tag in machine["Tags"]}
            role = machine["IamInstanceProfile"]["Arn"].rpartition("/")[2]
            launched[tags["ray-user-node-type"]] = (machine["InstanceType"], role, machine.get("InstanceLifecycle"))
            # moto takes the name of a parameter as it is; EC2 looks the image up.
            assert machine["ImageId"].startswith("resolve:ssm:/aws/service/deeplearning/ami/x86_64/base-oss-nvidia")
            assert [group["GroupId"] for group in machine["SecurityGroups"]] == [security_group]
    assert launched == {
        "head": ("m6id.large", "mmsum-head", None),
        "parse": ("m6id.4xlarge", "mmsum-worker", "spot"),
        "generate": ("g6.2xlarge", "mmsum-worker", "spot"),
        "train": ("g6e.12xlarge", "mmsum-worker", None),
    }

    # Ray adds SSH from everywhere to groups that it makes; this one must stay as the stack made it.
    (group,) = ec2.describe_security_groups(GroupIds=[security_group])["SecurityGroups"]
    from_outside = [rule for rule in group["IpPermissions"] if rule["IpRanges"] or rule["Ipv6Ranges"]]
    assert [(rule["FromPort"], rule["ToPort"], rule["IpRanges"]) for rule in from_outside] == [
        (22, 22, [{"CidrIp": "203.0.113.7/32"}])
    ]
    between = [pair["GroupId"] for rule in group["IpPermissions"] for pair in rule["UserIdGroupPairs"]]
    assert between == [security_group]


def test_the_stack_is_a_valid_template() -> None:
    done = subprocess.run([SHELLCHECK.with_name("cfn-lint"), STACK], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout


def test_resources_are_what_the_machines_have() -> None:
    """A wrong count would make Ray wait for a machine that never fits, or pack too much on one.

    (vCPUs, GPUs) of each type as AWS publishes them; moto's catalogue is a copy of it.
    """
    from moto.ec2.models.instance_types import INSTANCE_TYPES

    for name, node in load()["available_node_types"].items():
        machine = INSTANCE_TYPES[node["node_config"]["InstanceType"]]
        gpus = sum(gpu["Count"] for gpu in machine.get("GpuInfo", {}).get("Gpus", []))
        assert node["resources"].get("GPU", 0) == gpus
        assert machine["InstanceStorageSupported"]
        if name != "head":
            assert node["resources"]["CPU"] == machine["VCpuInfo"]["DefaultVCpus"]


def test_no_secret_no_public_port_and_gpus_are_shown() -> None:
    text = (ROOT / "cluster.yaml").read_text()
    assert not re.search(r"AKIA|aws_secret|password\s*:|0\.0\.0\.0", text, re.IGNORECASE)
    config = load()
    assert "-e RAY_AUTH_MODE=token" in config["docker"]["run_options"]
    assert "~/.ray/auth_token" in config["file_mounts"]
    # Ray starts containers by NVIDIA's runtime, which shows GPUs only to those that ask.
    assert "-e NVIDIA_VISIBLE_DEVICES=all" in config["docker"]["run_options"]
    (head,) = [line for line in config["head_start_ray_commands"] if "ray start" in line]
    assert "--dashboard-host=127.0.0.1" in head


@pytest.mark.parametrize("commands", ["head_start_ray_commands", "worker_start_ray_commands"])
def test_ray_start_knows_the_options(commands: str) -> None:
    (line,) = [line for line in load()[commands] if "ray start" in line]
    words = shlex.split(line.partition("ray start ")[2])
    ray_start.make_context("ray start", words)  # raises for an unknown option or a wrong value


def test_initialization_is_clean_shell() -> None:
    for command in load()["initialization_commands"]:
        done = subprocess.run([SHELLCHECK, "--shell=bash", "-"], input=command, capture_output=True, text=True)
        assert done.returncode == 0, done.stdout


def test_every_field_to_change_is_listed() -> None:
    marked = re.findall(r"(\w+): [^\n]*# CHANGE", (ROOT / "cluster.yaml").read_text())
    listed = re.findall(r"^ *\| `(\w+)` \|", (ROOT / "docs" / "ray-up.md").read_text(), re.MULTILINE)
    assert set(marked) == set(listed)
    (paragraph,) = [p for p in (ROOT / "README.md").read_text().split("\n\n") if "before `ray up cluster.yaml`" in p]
    named = set(
        re.findall(r"`(\w+)`", paragraph.partition(".\n")[0].partition("there:")[2].partition("machine type")[0])
    )
    assert set(marked) == named
