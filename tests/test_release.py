"""What the release workflow states must agree with other files: targets, versions, how many files there must be."""

from __future__ import annotations

import re
from pathlib import Path

import yaml

ROOT = Path(__file__).parent.parent
TEXT = (ROOT / ".github" / "workflows" / "release.yml").read_text(encoding="utf-8")
JOBS = yaml.safe_load(TEXT)["jobs"]


def text(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def targets(job: str) -> list[str]:
    return [row["target"] for row in JOBS[job]["strategy"]["matrix"]["include"]]


def test_each_target_is_built_tested_licensed_and_counted() -> None:
    (listed,) = re.findall(r"^TARGETS = \((.*?)\)", text("tools/licences.py"), re.DOTALL | re.MULTILINE)
    assert targets("build") == targets("test") == re.findall(r'"(.+?)"', listed)
    (wheels,) = re.findall(r"-cp310-abi3-\S+ \| wc -l\)\" -eq (\d+)", TEXT)
    (files,) = re.findall(r"-cp314t-\S+ \| wc -l\)\" -eq (\d+)", TEXT)
    assert int(wheels) == len(targets("build"))
    assert int(files) == int(wheels) + 1  # the source distribution


def test_nothing_is_published_that_was_not_tested() -> None:
    assert set(JOBS["publish"]["needs"]) == {"test", "sdist", "free-threaded"}
    assert JOBS["test"]["needs"] == "build"
    for job in ("sdist", "free-threaded"):
        names = [step.get("name", step.get("uses", "").partition("@")[0]) for step in JOBS[job]["steps"]]
        (tested,) = [number for number, name in enumerate(names) if name.startswith("Test")]
        assert names.index("Build") < tested < names.index("actions/upload-artifact")
    writers = [job for job, stated in JOBS.items() if "write" in stated["permissions"].values()]
    assert writers == ["publish"]


def test_versions_are_those_of_the_repository() -> None:
    pins = dict(re.findall(r"^(\S+)==(\S+)$", text("constraints.txt"), re.MULTILINE))
    assert re.findall(r"MATURIN: v(\S+)", TEXT) == [pins["maturin"]]
    claimed = re.findall(r'"Programming Language :: Python :: (3\.\d+)"', text("pyproject.toml"))
    installed = re.findall(r"uv python install (.+)", TEXT)
    assert installed
    assert set(installed) == {" ".join(claimed)}
    (oldest_and_newest,) = re.findall(r"uv python install (.+)", text(".github/workflows/ci.yml"))
    assert oldest_and_newest.split() == [claimed[0], claimed[-1]]


def test_one_pin_an_action() -> None:
    uses = re.findall(r"uses: (\S+?)@([0-9a-f]{40}) # (v\S+)$", TEXT + text(".github/workflows/ci.yml"), re.MULTILINE)
    assert len({name for name, _, _ in uses}) == len(set(uses)) > 5
