"""Rendered manifests against Kubernetes' own schemas, and against what this system promises.

python manifests.py FILE...      needs kubernetes-validate, which brings the schemas along
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import kubernetes_validate
import yaml

VERSIONS = ("1.29.1", "1.37.0")  # the oldest that the chart takes, and the newest there is
OPERATORS = ("keda.sh", "monitoring.coreos.com")  # theirs are decoded by main.go
SECRETS = ("CHARGELINE_KEY", "CHARGELINE_MONGODB", "CHARGELINE_OPERATOR_KEY")
SELECTING = ("Deployment", "PodDisruptionBudget", "Service")


def main(files: list[str]) -> int:
    wrong = [f"{name}: {fault}" for name in files for fault in faults(Path(name))]
    told = f"{len(files)} renderings, Kubernetes {', '.join(VERSIONS)}: {len(wrong)} faults"
    sys.stdout.write("\n".join([*wrong, told, ""]))
    return 1 if wrong else 0


def faults(file: Path) -> list[str]:
    documents = [d for d in yaml.safe_load_all(file.read_text()) if d]
    found = [] if documents else ["nothing was rendered"]
    for document in documents:
        name = f"{document['kind']} {document['metadata']['name']}"
        found += [f"{name}: {fault}" for fault in (*refused(document), *promised(document))]
    return found + unselected(documents) + doubled(documents) + unreached(documents)


def refused(document: dict[str, Any]) -> list[str]:
    """What an API server would say."""
    if document["apiVersion"].split("/")[0] in OPERATORS:
        return []
    found = []
    for version in VERSIONS:
        try:
            kubernetes_validate.validate(document, version, strict=True)
        except kubernetes_validate.ValidationError as error:
            found.append(f"{version}: {error.message}")
    return found


def promised(document: dict[str, Any]) -> list[str]:
    """The restricted standard for pods, and nothing secret in clear."""
    template = document.get("spec", {}).get("template")
    if template is None:
        return []
    pod = template["spec"]
    security = pod.get("securityContext", {})
    checks = {
        "it may run as root": security.get("runAsNonRoot") is True,
        "no seccomp profile": security.get("seccompProfile") == {"type": "RuntimeDefault"},
        "it has a token": pod.get("automountServiceAccountToken") is False,
    }
    for container in (*pod.get("initContainers", ()), *pod["containers"]):
        name, own = container["name"], container.get("securityContext", {})
        environment = container.get("env", [])
        checks |= {
            f"{name} may gain rights": own.get("allowPrivilegeEscalation") is False,
            f"{name} keeps capabilities": own.get("capabilities") == {"drop": ["ALL"]},
            f"{name} may write its image": own.get("readOnlyRootFilesystem") is True,
            f"{name} has no limit of memory": "memory" in container["resources"]["limits"],
            f"{name} has a secret in clear": not any(
                "value" in e and e["name"] in SECRETS for e in environment
            ),
        }
    if document["kind"] == "Deployment":
        (container,) = pod["containers"]
        probes = {"startupProbe", "livenessProbe", "readinessProbe"}
        checks["a probe is missing"] = probes <= container.keys()
        served = any(port["name"] == "api" for port in container["ports"])
        checks["callers are cut off at its end"] = not served or "lifecycle" in container
    return [text for text, holds in checks.items() if not holds]


def unselected(documents: list[dict[str, Any]]) -> list[str]:
    """What selects pods selects those of a deployment that is there."""
    pods = [
        d["spec"]["template"]["metadata"]["labels"] for d in documents if d["kind"] == "Deployment"
    ]
    found = []
    for document in documents:
        if document["kind"] not in SELECTING:
            continue
        selector = document["spec"]["selector"]
        wanted = selector.get("matchLabels", selector)
        chosen = sum(wanted.items() <= labels.items() for labels in pods)
        if chosen != 1:
            found.append(f"{document['kind']} {document['metadata']['name']} selects {chosen}")
    return found


def unreached(documents: list[dict[str, Any]]) -> list[str]:
    """A port of a service is one that its pods have; and callers come to ready pods only."""
    pods = [d["spec"]["template"] for d in documents if d["kind"] == "Deployment"]
    found = []
    for document in documents:
        if document["kind"] != "Service":
            continue
        name, spec = document["metadata"]["name"], document["spec"]
        targets = {port["targetPort"] for port in spec["ports"]}
        for pod in pods:
            if spec["selector"].items() <= pod["metadata"]["labels"].items():
                (container,) = pod["spec"]["containers"]
                missing = targets - {port["name"] for port in container["ports"]}
                found += [f"Service {name}: no pod has the port {port}" for port in missing]
        if "api" in targets and spec.get("publishNotReadyAddresses"):
            found.append(f"Service {name}: callers come to pods that are not ready")
    if not any(
        d["kind"] == "Service" and d["metadata"]["name"].endswith("-api") for d in documents
    ):
        found.append("nobody reaches the API")
    return found


def doubled(documents: list[dict[str, Any]]) -> list[str]:
    seen: set[tuple[str, str]] = set()
    found = []
    for document in documents:
        key = (document["kind"], document["metadata"]["name"])
        if key in seen:
            found.append(f"{key[0]} {key[1]} is there twice")
        seen.add(key)
    return found


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
