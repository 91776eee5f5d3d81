"""`python -m gateway` is `fixgw`."""

from gateway.cli.main import app

app()
