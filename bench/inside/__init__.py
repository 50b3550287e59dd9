"""Programs that run beside the shop with its settings; each prints what it found as JSON."""
