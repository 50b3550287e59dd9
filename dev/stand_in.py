"""Settings for tools and tests: enough to import the project, and nothing real behind them."""

from __future__ import annotations

STAND_IN = {
    "ENV_FILE": "",  # a developer's own .env doesn't count
    "SECRET_KEY": "only-for-tests-only-for-tests-only-for-tests-0123456789",
    "DATABASE_URL": "postgresql://nobody@127.0.0.1:1/nothing",
    "QUEUE_URL_PREFIX": "http://127.0.0.1:1/000000000000/shop-",
    "AWS_ENDPOINT_URL": "http://127.0.0.1:1",
    "AWS_ACCESS_KEY_ID": "test",
    "AWS_SECRET_ACCESS_KEY": "test",
    "AWS_DEFAULT_REGION": "eu-north-1",
    "LOG_FORMAT": "console",
    "LOG_LEVEL": "ERROR",
    "THROTTLE": "false",  # tests ask faster than people do; those of throttles turn it on
}
