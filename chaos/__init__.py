"""Real processes, real faults: `make chaos` kills, stops and starves a running shop under load."""
