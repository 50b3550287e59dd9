"""What the stand-in and its tests both know: cards that Stripe declines, and how long it holds."""

from __future__ import annotations

GOOD = "4242424242424242"
AUTHENTICATION = "4000002500003155"
DECLINED, NO_FUNDS = "4000000000000002", "4000000000009995"
EXPIRED, STOLEN = "4000000000000069", "4000000000009979"
DECLINES = {
    DECLINED: "generic_decline",
    NO_FUNDS: "insufficient_funds",
    EXPIRED: "expired_card",
    STOLEN: "stolen_card",
}
HOLD_SECONDS = 5 * 24 * 3600
