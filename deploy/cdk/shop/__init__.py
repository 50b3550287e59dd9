"""The shop on AWS: stacks named by what they hold, for the environments of `environments.py`."""
