"""Writes the list of arguments that Terraform's google provider takes, from the types that are published of it.

    pip download --no-deps cdktf-cdktf-provider-google
    python library/terraform_provider.py cdktf_cdktf_provider_google-VERSION-py3-none-any.whl DATE

The list has the resources that deploy/terraform uses and no others; the types themselves are not kept. DATE is the day
on which that version was published.
"""

import io
import json
import re
import sys
import tarfile
import zipfile
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
TARGET = ROOT / "millrace/infrastructure/provider.json"
_RESOURCE = re.compile(r'^(resource|data) "(google_[a-z0-9_]+)"', re.MULTILINE)
_ANCHOR = re.compile(r"docs/(?:resources|data-sources)/[a-z0-9_]+#([a-z0-9_]+)")
_VERSION = re.compile(r"hashicorp/google/([0-9.]+)/docs")
_LEFT_OUT = {"id", "timeouts"}


def main(wheel: str, date: str) -> None:
    """Writes the list."""
    types = _types(Path(wheel))
    used = sorted({match for file in (ROOT / "deploy/terraform").rglob("*.tf") for match in _used(file)})
    resources = {name: _block(types, types[_config(types, name)]) for name in used}
    found = _VERSION.search(json.dumps(types[_config(types, "google_storage_bucket")]))
    listed = {
        "provider": "hashicorp/google",
        "version": found[1] if found else "",
        "date": date,
        "source": f"the types of {Path(wheel).name}, which HashiCorp generated from the provider's own schema",
        "resources": resources,
    }
    TARGET.write_text(json.dumps(listed, indent=1, sort_keys=True) + "\n")
    print(f"{TARGET.relative_to(ROOT)}: {len(resources)} resources of {listed['version']}")


def _used(file: Path) -> list[str]:
    return [("data." if kind == "data" else "") + name for kind, name in _RESOURCE.findall(file.read_text())]


def _types(wheel: Path) -> dict[str, Any]:
    with zipfile.ZipFile(wheel) as archive:
        name = next(one for one in archive.namelist() if one.endswith(".jsii.tgz"))
        with tarfile.open(fileobj=io.BytesIO(archive.read(name))) as package:
            file = package.extractfile("package/.jsii")
            assert file is not None
            types: dict[str, Any] = json.loads(file.read())["types"]
            return types


def _config(types: dict[str, Any], resource: str) -> str:
    """The type of a resource's arguments: google_storage_bucket's is storageBucket.StorageBucketConfig."""
    kind, _, rest = resource.rpartition("google_")
    words = rest.split("_")
    short = "".join([words[0], *(word.capitalize() for word in words[1:])])
    name = "dataGoogle" + short[0].upper() + short[1:] if kind else short
    return next(key for key in types if key.lower().endswith(f".{name}.{name}Config".lower()))


def _block(types: dict[str, Any], of: dict[str, Any]) -> dict[str, Any]:
    """The arguments of a block: true where it must be there, false where it may, and for a block its own."""
    arguments: dict[str, Any] = {}
    for one in of.get("properties", ()):
        anchor = _ANCHOR.search(json.dumps(one.get("docs", {})))
        if not anchor or anchor[1] in _LEFT_OUT:
            continue
        inner = _inner(types, one["type"])
        required = not one.get("optional", False)
        arguments[anchor[1]] = {"required": required, "block": _block(types, inner)} if inner else required
    return arguments


def _inner(types: dict[str, Any], kind: dict[str, Any]) -> dict[str, Any]:
    """The type of a nested block; empty for an argument."""
    found = re.findall(r'"fqn": "(@cdktf/[^"]+)"', json.dumps(kind))
    return types[found[0]] if found else {}


if __name__ == "__main__":
    main(*sys.argv[1:])
