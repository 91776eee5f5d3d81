"""The tests. What they see printed must not depend on where they run."""

import os

# Read by rich and typer, partly when they are imported. Some places of continuous integration set them.
for _name in ("COLUMNS", "LINES", "FORCE_COLOR", "PY_COLORS", "NO_COLOR", "GITHUB_ACTIONS", "TTY_COMPATIBLE"):
    os.environ.pop(_name, None)
