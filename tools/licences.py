"""Writes THIRD-PARTY-LICENSES.txt: the crates and the C libraries that are compiled into the module, and their terms.

`--check` writes nothing, and fails where the file is not what it would be. A crate that may be had under Apache-2.0 is
taken so, as LICENSE is its text already; of the others the file holds the texts and every notice.
"""

from __future__ import annotations

import argparse
import json
import re
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parent.parent
FILE = ROOT / "THIRD-PARTY-LICENSES.txt"
# What the release workflow builds for: some crates are compiled on some systems only.
TARGETS = (
    "x86_64-unknown-linux-gnu",
    "aarch64-unknown-linux-gnu",
    "x86_64-unknown-linux-musl",
    "aarch64-unknown-linux-musl",
    "x86_64-apple-darwin",
    "aarch64-apple-darwin",
    "x86_64-pc-windows-msvc",
)
# C code inside crates, with terms of its own: where these are in the crate.
C_CODE = {
    "libmimalloc-sys": "c_src/mimalloc/*/LICENSE",
    "zstd-sys": "zstd/LICENSE",
}
HEAD = """\
The compiled module of stepbridge holds parts of the crates below, each under the terms beside its name. Where these
offer Apache-2.0, that is what was chosen: its text is the file LICENSE. The texts of the others, and the notices that
go with any, follow the list.

The module also holds SQLite (https://sqlite.org), which is in the public domain, and parts of the Rust standard library
(https://github.com/rust-lang/rust), which is taken under Apache-2.0 here."""


class Crate(NamedTuple):
    """A crate, and where its files are."""

    name: str
    terms: str
    source: str
    folder: Path


def main() -> int:
    """Write or check the file."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="fail where the file is not up to date")
    arguments = parser.parse_args()
    text = written(crates())
    if not arguments.check:
        FILE.write_text(text, encoding="utf-8", newline="\n")
    elif not FILE.exists() or FILE.read_text(encoding="utf-8") != text:
        print(f"{FILE.name} is not that of Cargo.lock: run `make licences`", file=sys.stderr)
        return 1
    return 0


def crates() -> list[Crate]:
    """List the crates that are linked into the module on any target; no build scripts, no macros."""
    tree = ["tree", "--edges", "normal,no-proc-macro", "--prefix", "none", "--format", "{p}"]
    targets = [f"--target={target}" for target in TARGETS]
    lines = cargo(*tree, "--package", "stepbridge-python", *targets).splitlines()
    linked = {(name, version) for name, version in re.findall(r"^(\S+) v(\S+)", "\n".join(lines), re.MULTILINE)}
    packages = json.loads(cargo("metadata", "--format-version", "1"))["packages"]
    found = {
        package["name"]: Crate(
            package["name"], package["license"], package["repository"] or "", Path(package["manifest_path"]).parent
        )
        for package in packages
        if (package["name"], package["version"]) in linked and package["source"] is not None
    }
    return [found[name] for name in sorted(found)]


def cargo(*arguments: str) -> str:
    """Run cargo and give what it prints."""
    command = ["cargo", *arguments, "--locked", "--quiet"]
    return subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, text=True, encoding="utf-8", check=True).stdout


def written(found: list[Crate]) -> str:
    """Put the file together: each text once, under the names of those that it is of."""
    listed = "\n".join(f"{crate.name}  ({crate.terms})  {crate.source}".rstrip() for crate in found)
    owners: dict[str, list[str]] = {}
    for crate in found:
        for text in texts(crate):
            owners.setdefault(text, []).append(crate.name)
    parts = [
        f"{HEAD}\n\n{listed}",
        *(f"{', '.join(names)}:\n\n{text}" for text, names in owners.items()),
    ]
    return f"\n\n{'-' * 100}\n\n".join(parts) + "\n"


def texts(crate: Crate) -> list[str]:
    """Read the texts that must go with a crate."""
    patterns = ["NOTICE*"]
    if not re.search(r"Apache-2\.0 *(OR|/)|(OR|/) *Apache-2\.0|^Apache-2\.0$", crate.terms):
        patterns += ["LICENSE*", "COPYING*"]
    files = sorted(path for pattern in patterns for path in crate.folder.glob(pattern))
    if len(patterns) > 1 and not files:
        raise FileNotFoundError(f"{crate.name} ({crate.terms}) holds no text of its licence in {crate.folder}")
    if crate.name in C_CODE:
        own = sorted(crate.folder.glob(C_CODE[crate.name]))
        if not own:
            raise FileNotFoundError(f"{crate.name} holds no {C_CODE[crate.name]} in {crate.folder}")
        files += own
    stripped = ("\n".join(line.rstrip() for line in path.read_text(encoding="utf-8").splitlines()) for path in files)
    return list(dict.fromkeys(text.strip("\n") for text in stripped))


if __name__ == "__main__":
    sys.exit(main())
