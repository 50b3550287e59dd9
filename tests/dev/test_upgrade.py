"""Which release `make upgrade-test` takes for the one before: its play is the target itself."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from dev.upgrade import NoHistory, release_before


def git(repository: Path, *arguments: str) -> str:
    who = ("-c", "user.name=Ada", "-c", "user.email=ada@example.com")
    done = subprocess.run(
        ["git", *who, *arguments], cwd=repository, capture_output=True, text=True, check=True
    )
    return done.stdout.strip()


def commit(repository: Path, name: str) -> str:
    path = repository / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch()
    git(repository, "add", ".")
    git(repository, "commit", "--quiet", "--message", name)
    return git(repository, "rev-parse", "HEAD")


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    git(tmp_path, "init", "--quiet")
    return tmp_path


def test_the_newest_tag_is_the_release_before(repository: Path) -> None:
    for name in ("one", "two"):
        commit(repository, name)
        git(repository, "tag", f"v{name}")
    commit(repository, "deploy/cdk/app.py")
    assert release_before(repository) == "vtwo"


def test_without_a_tag_it_is_the_commit_before_anything_was_deployed(repository: Path) -> None:
    before = commit(repository, "shop.py")
    commit(repository, "deploy/cdk/app.py")
    commit(repository, "more.py")
    assert release_before(repository) == before


def test_a_clone_without_history_has_none(repository: Path) -> None:
    commit(repository, "deploy/cdk/app.py")
    with pytest.raises(NoHistory):
        release_before(repository)
