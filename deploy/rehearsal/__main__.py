"""
`make deploy-test`: one release after the other on an emulator, and the end of it all.

A first release, the same once more, one whose migration fails, one that succeeds, and the
stacks' destruction; after each step it is compared what there is with what there should be.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from deploy.rehearsal.aws import Aws, emulator
from deploy.rehearsal.found import Found
from deploy.rehearsal.steps import Releases, failing, take

FIRST, SECOND = "1111111", "2222222"


class Rehearsal:
    """The steps, in their order, for the environment whose data are protected best."""

    def __init__(self, aws: Aws, name: str = "prod") -> None:
        self._aws, self._name = aws, name
        self._found, self._releases = Found(aws, name), Releases(aws, name)

    def run(self) -> bool:
        """Take all steps; say whether all went well."""
        return take(
            self.describe,
            self.bootstrap,
            self.deploy,
            self.deploy_the_same,
            self.fail_to_migrate,
            self.see_the_difference,
            self.update,
            self.refuse_to_destroy,
            self.destroy,
        )

    def describe(self) -> None:
        """Make both releases' templates."""
        self._releases.describe(FIRST, SECOND)

    def bootstrap(self) -> None:
        """Make what CDK needs in an account."""
        self._releases.bootstrap(FIRST)

    def deploy(self) -> None:
        """Make everything."""
        self._releases.deploy(FIRST)
        assert self._found.queues() == self._found.expected_queues()
        assert self._found.tags() == {FIRST}
        assert self._found.migrations() == [FIRST]

    def deploy_the_same(self) -> None:
        """Deploy once more: nothing changes, and no migration runs."""
        before = self._found.stacks()
        said = self._releases.deploy(FIRST)
        assert said.count("(no changes)") == len(before), said
        assert self._found.migrations() == [FIRST]

    def fail_to_migrate(self) -> None:
        """Deploy a release whose migration fails: every service stays as it was."""
        before = self._found.services()
        self._aws.tasks_end_with(1)
        said = failing(lambda: self._releases.deploy(SECOND))
        assert "MigrationsFailed: Essential container in task exited" in said, said
        assert self._found.services() == before
        assert self._found.stacks()["Services"] == "UPDATE_ROLLBACK_COMPLETE"
        assert self._found.migrations() == [FIRST, SECOND]  # and none on the way back
        self._aws.tasks_end_with(0)

    def see_the_difference(self) -> None:
        """Ask what the next release would change: services, and nothing that holds data."""
        said = failing(lambda: self._releases.cdk("diff", "--all", "--fail", at=SECOND))
        assert "Number of stacks with differences: 1" in said, said

    def update(self) -> None:
        """Deploy it: its migration runs, then all services are replaced."""
        self._releases.deploy(SECOND)
        assert self._found.tags() == {SECOND}
        assert self._found.migrations()[-1] == SECOND

    def refuse_to_destroy(self) -> None:
        """Destroy by mistake: what holds data stays, and what it stands in."""
        said = failing(lambda: self._releases.destroy(SECOND))
        assert "TerminationProtection is enabled" in said, said
        assert self._found.stacks().keys() == {"Data", "Network"}
        assert self._found.queues() == self._found.expected_queues()

    def destroy(self) -> None:
        """Take the protection away, and then everything else."""
        self._aws.client("cloudformation").update_termination_protection(
            StackName=f"Shop-{self._name}-Data", EnableTerminationProtection=False
        )
        self._aws.client("rds").modify_db_instance(
            DBInstanceIdentifier=f"shop-{self._name}", DeletionProtection=False
        )
        self._releases.destroy(SECOND)
        assert self._found.stacks() == {}
        assert self._found.queues() == {}


def main() -> int:
    """Rehearse; return 1 if something isn't as it should be."""
    with tempfile.TemporaryDirectory(prefix="deploy-") as home, emulator(Path(home)) as aws:
        return 0 if Rehearsal(aws).run() else 1


if __name__ == "__main__":
    sys.exit(main())
