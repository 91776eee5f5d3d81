"""The fixgw command, one file a command group."""
