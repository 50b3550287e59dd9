"""The collector beside each task: takes traces by OTLP, and passes them on to X-Ray."""

from __future__ import annotations

import json
from typing import Any

IMAGE = "public.ecr.aws/aws-observability/aws-otel-collector:v0.43.3"
# What traces are searched by: X-Ray calls these annotations.
_INDEXED = (
    "shop.order_id",
    "shop.request_id",
    "shop.event",
    "messaging.message.id",
    "http.route",
    "error.type",
)
_RECEIVER = {"otlp": {"protocols": {"http": {"endpoint": "127.0.0.1:4318"}}}}


def configuration() -> str:
    """Return the collector's settings: JSON, which YAML contains."""
    pipeline = {"receivers": ["otlp"], "processors": ["batch"], "exporters": ["awsxray"]}
    settings: dict[str, Any] = {
        "receivers": _RECEIVER,
        "processors": {"batch": {"timeout": "1s", "send_batch_size": 50}},
        "exporters": {"awsxray": {"indexed_attributes": [*_INDEXED]}},
        "service": {"pipelines": {"traces": pipeline}},
    }
    return json.dumps(settings)
