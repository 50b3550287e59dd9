"""Django's command line for the third party: `python -m payment_3p migrate`."""

from __future__ import annotations

import os
import sys

from django.core.management import execute_from_command_line

os.environ["DJANGO_SETTINGS_MODULE"] = "payment_3p.settings"  # whatever the shell has for the shop

if __name__ == "__main__":
    execute_from_command_line(sys.argv)
