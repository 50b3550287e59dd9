"""`make reset`: forget what the shop of this machine has kept."""

from __future__ import annotations

import sys

from dev.shop import AlreadyRunning, Shop
from dev.terminal import bad


def main() -> int:
    """Remove database, queues, files and secrets, unless the shop runs."""
    shop = Shop()
    try:
        shop.forget()
    except AlreadyRunning as refusal:
        print(bad(f"{refusal} Stop it first."), file=sys.stderr)
        return 1
    print(f"Forgotten: {shop.local.state_dir}. The next `make run` begins anew.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
