# Shared by the scripts in this directory: finds Python, makes .venv, installs what is missing. Source it, do not run it.

ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
VENV=$ROOT/.venv
PYTHON=$VENV/bin/python
cd "$ROOT"

say() { printf '%s\n' "$*" >&2; }

die() {
    say "$*"
    exit 1
}

# Prints a Python that the gateway runs on. The prebuilt FIX engine exists for these versions alone.
find_python() {
    local candidate
    for candidate in ${FIXGW_PYTHON:-} python3 python3.14 python3.13 python3.12 python3.11; do
        if "$candidate" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 14))' 2>/dev/null; then
            printf '%s\n' "$candidate"
            return
        fi
    done
    die "Python 3.11 to 3.14 is needed and was not found ($(python3 --version 2>&1 || true))." \
        "Install one, or name it: FIXGW_PYTHON=/path/to/python3.12 $0"
}

make_venv() {
    if "$PYTHON" -m pip --version >/dev/null 2>&1; then
        return
    fi
    local python
    python=$(find_python)
    say "Making .venv with $("$python" --version)"
    "$python" -m venv --clear "$VENV" >&2 ||
        die "$python cannot make a virtual environment; on Debian and Ubuntu: apt install python3-venv"
}

# ensure_venv [EXTRAS]: .venv with the gateway (editable) and its extras, by default all that development needs.
# Does nothing while pyproject.toml is as it was last time.
ensure_venv() {
    local extras=${1:-binary,dev} stamp=$VENV/.installed wanted
    make_venv
    wanted=$("$PYTHON" -c 'import hashlib, sys; print(hashlib.sha256(open(sys.argv[1], "rb").read()).hexdigest())' \
        pyproject.toml)
    # The development extras include what a plain install has.
    if grep -qsxF -e "$wanted $extras" -e "$wanted binary,dev" "$stamp"; then
        return
    fi
    say "Installing the gateway and its dependencies into .venv (a minute or so the first time, nothing after that)"
    PYTHONWARNINGS=ignore "$PYTHON" -m pip install --quiet --disable-pip-version-check --editable ".[$extras]" >&2 ||
        die "The installation failed; what pip says above is why."
    printf '%s\n' "$wanted $extras" >"$stamp"
}
