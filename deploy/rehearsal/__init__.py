"""`make deploy-test`: CDK's own command line deploys every stack to an emulator of AWS."""
