"""How the shop comes to AWS: `cdk/` describes it, `rehearsal/` deploys it to an emulator."""
