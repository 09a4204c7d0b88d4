"""The workflow for n8n: of the shape that n8n imports, and its code agrees with ours on signatures."""

from __future__ import annotations

import base64
import json
import shutil
import subprocess
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from outside import KEY, SECRET, trigger_body

from kernel.clock import SystemClock
from kernel.signatures import signed_headers, verified_id
from orchestration_hooks import examples
from orchestration_hooks.envelope import TRIGGER_TYPE, envelope
from orchestration_hooks.trigger import Callback

FLOW: dict[str, Any] = json.loads((Path(examples.__file__).parent / "n8n_refund_stuck.json").read_text())
NODES = {node["name"]: node for node in FLOW["nodes"]}
RUN = """
const [code, input] = JSON.parse(require('fs').readFileSync(0, 'utf8'));
const found = { first: () => ({ json: input.json }) };
const self = { helpers: { getBinaryDataBuffer: async () => Buffer.from(input.body ?? '', 'base64') } };
const Code = Object.getPrototypeOf(async function () {}).constructor;
const before = () => ({ first: () => ({ json: input.before }) });
new Code('$input', '$env', '$', 'require', code)
  .call(self, found, { GEMBASCOPE_SECRET: input.secret }, before, require)
  .then((items) => JSON.stringify(items[0].json), (error) => { process.exitCode = 3; return error.message; })
  .then(console.log);
"""


def ran(name: str, **given: Any) -> tuple[bool, str]:
    """Run the code of a node with Node.js; whether it went well, and what it gave or said."""
    if (node := shutil.which("node")) is None:
        pytest.skip("Node.js is not installed: the code of the n8n nodes is not run")
    order = json.dumps([NODES[name]["parameters"]["jsCode"], {"secret": SECRET, **given}])
    done = subprocess.run([node, "-e", RUN], input=order, capture_output=True, text=True, check=False, timeout=60)
    return done.returncode == 0, done.stdout.strip()


def test_n8n_can_import_it() -> None:
    assert {"name", "nodes", "connections", "settings", "active"} <= set(FLOW)
    assert FLOW["active"] is False
    assert len(NODES) == len(FLOW["nodes"]) == len({node["id"] for node in FLOW["nodes"]})
    for node in FLOW["nodes"]:
        assert {"id", "name", "type", "typeVersion", "position", "parameters"} <= set(node)
        assert UUID(node["id"])
        assert node["type"].startswith("n8n-nodes-base.")
        assert len(node["position"]) == 2
    for source, outputs in FLOW["connections"].items():
        assert source in NODES
        for links in outputs["main"]:
            for link in links:
                assert (link["node"] in NODES, link["type"], link["index"]) == (True, "main", 0)


def test_every_node_is_reached_in_order_from_the_webhook() -> None:
    at, order = "Trigger from Gembascope", []
    while at:
        order.append(NODES[at]["type"].removeprefix("n8n-nodes-base."))
        at = FLOW["connections"].get(at, {"main": [[{"node": ""}]]})["main"][0][0]["node"]
    assert order == [
        "webhook", "code", "respondToWebhook", "removeDuplicates", "httpRequest", "code", "httpRequest",
    ]  # fmt: skip
    assert NODES["Trigger from Gembascope"]["parameters"]["options"]["rawBody"] is True  # which is what is signed
    assert "whsec_" not in json.dumps(FLOW).replace("^whsec_", "")  # no secret is in the file


def test_its_code_knows_our_signature_and_no_other() -> None:
    now = SystemClock().now()
    data = trigger_body(requested_at=now.isoformat(), expires_at="2199-01-01T00:00:00Z")
    body = envelope("local", TRIGGER_TYPE, "run1:resend:1", data)
    headers = signed_headers([KEY], "run1:resend:1", body, now)
    sent = base64.b64encode(body).decode()
    well, told = ran("Verify signature", json={"headers": headers}, body=sent)
    assert (well, json.loads(told)) == (True, {"id": "run1:resend:1", "trigger": data})
    forged = {**headers, "webhook-id": "run1:resend:2"}
    assert ran("Verify signature", json={"headers": forged}, body=sent) == (
        False,
        "the request is not signed by Gembascope",
    )


@pytest.mark.parametrize(("answered", "status"), [(201, "succeeded"), (500, "failed")])
def test_its_callback_is_one_that_we_take(answered: int, status: str) -> None:
    before = {"id": "run1:resend:1", "trigger": trigger_body()}
    well, told = ran("Sign callback", json={"statusCode": answered}, before=before)
    assert well, told
    made = json.loads(told)
    headers = {f"webhook-{name}": made[name] for name in ("id", "timestamp", "signature")}
    assert verified_id([KEY], headers, made["body"].encode(), SystemClock().now()) == "done:run1:resend:1"
    found = Callback.model_validate_json(made["body"])
    assert (found.status, [case.case_id for case in found.cases]) == (status, ["R-1", "R-2"])
    assert made["url"] == trigger_body()["callback"]["url"]
