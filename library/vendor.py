"""`make vendor`: fetches from npm the scripts that the console serves, and writes down what they are.

The files are committed, so that nobody needs npm to install or to use the library. A test holds them to the checksums.
"""

import base64
import hashlib
import json
import subprocess
import tarfile
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path

TARGET = Path(__file__).resolve().parent.parent / "millrace/console/static/vendor"
LIST = TARGET / "vendored.json"


@dataclass(frozen=True)
class Script:
    """One script.

    Args:
        package: its package on npm.
        version: of the package.
        licence: by its SPDX name.
        integrity: SHA-512 of the package's archive, as npm tells it.
        file: within the package.
    """

    package: str
    version: str
    licence: str
    integrity: str
    file: str


SCRIPTS = (
    # htmx 4 is younger than this console, and asks for more of a page than 2 does.
    Script(
        "htmx.org",
        "2.0.11",
        "0BSD",
        "sha512-Thx/WtpeOQqSrqBCw/A1cwGJGg4UrVa3+sW0GmrM3p4gJgO89ecH4qtbnyzDDWFvBTqjnIMCgELTNt636dtamA==",
        "dist/htmx.min.js",
    ),
)


def fetch(script: Script, folder: Path) -> dict[str, str]:
    """Puts a script and its licence beside the list.

    Args:
        script: which.
        folder: for the archive, emptied by the caller.

    Returns:
        What the list says of it.
    """
    pack = ["npm", "pack", "--silent", "--pack-destination", str(folder), f"{script.package}@{script.version}"]
    archive = folder / subprocess.run(pack, check=True, capture_output=True, text=True).stdout.strip()
    integrity = "sha512-" + base64.b64encode(hashlib.sha512(archive.read_bytes()).digest()).decode()
    if integrity != script.integrity:
        raise SystemExit(f"{archive.name} is another one than is written down in {__file__}: {integrity}")
    name = Path(script.file).name
    with tarfile.open(archive) as package:
        for inside, outside in ((script.file, name), ("LICENSE", f"{name}.LICENSE")):
            member = package.extractfile(f"package/{inside}")
            if member is None:
                raise SystemExit(f"{archive.name} has no file {inside}")
            (TARGET / outside).write_bytes(member.read())
    return {**asdict(script), "sha256": hashlib.sha256((TARGET / name).read_bytes()).hexdigest()}


if __name__ == "__main__":
    TARGET.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as temporary:
        vendored = {Path(script.file).name: fetch(script, Path(temporary)) for script in SCRIPTS}
    LIST.write_text(json.dumps(vendored, indent=2) + "\n")
    print("\n".join(f"{name}: {one['package']} {one['version']}, {one['licence']}" for name, one in vendored.items()))
