"""``python -m poolcli``."""

from poolcli.cli.main import start

start()
