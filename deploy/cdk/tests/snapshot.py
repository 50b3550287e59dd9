"""Write down what tests compare with: `.venv/bin/python tests/snapshot.py` in deploy/cdk."""

from __future__ import annotations

import json
import sys
from pathlib import Path

sys.path[:0] = [str(Path(__file__).parents[1]), str(Path(__file__).parent)]

from described import described
from test_data import COUNTS, HOLDING, SNAPSHOT

from shop.environments import ENVIRONMENTS

holding, counts = {}, {}
for name in ENVIRONMENTS:
    templates = described(name)
    holding[name] = {kind: sorted(templates.resources(kind)) for kind in HOLDING}
    counts[name] = {stack: len(each["Resources"]) for stack, each in templates.of.items()}
for path, found in ((SNAPSHOT, holding), (COUNTS, counts)):
    path.write_text(json.dumps(found, indent=2) + "\n")
