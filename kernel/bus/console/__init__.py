"""The subcommands of `manage.py bus`: a module each, with HELP, add_arguments and run."""
