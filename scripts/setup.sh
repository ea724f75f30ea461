#!/bin/sh
# Makes .venv ready for what the Makefile is about to run. Usage: scripts/setup.sh server|dev
#
#   server   what runs the platform (make demo, make run)
#   dev      that, and what checks it (make check, make test)
#
# - Everything comes from requirements/*.txt, where each file to be installed is pinned by its hash.
# - Does nothing when what it would install is there already; starts over when it was interrupted half-way.
# - Says what it does on standard error only: standard output belongs to the command that follows.
# - uv is used where it is there, else Python's own venv and pip. PYTHON names the Python to use.
set -eu
cd "$(dirname "$0")/.."

wanted=${1:?usage: scripts/setup.sh server|dev}
requirements=requirements/$wanted.txt
venv=.venv
underway=.venv.underway

say() { printf '%s\n' "$*" >&2; }
die() { say "data-factory: $*"; exit 1; }

is_recent() { "$1" -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1; }
version() { "$1" -c 'import sys; print("%d.%d" % sys.version_info[:2])' 2>/dev/null; }

# The Python that was asked for, or the first that will do.
find_python() {
    if [ -n "${PYTHON:-}" ]; then
        found=$(version "$PYTHON") || die "PYTHON=$PYTHON does not run."
        is_recent "$PYTHON" || die "Python 3.11 or newer is needed; PYTHON=$PYTHON is $found."
        echo "$PYTHON"
        return
    fi
    for candidate in python3 python3.14 python3.13 python3.12 python3.11; do
        if is_recent "$candidate"; then
            echo "$candidate"
            return
        fi
    done
    found=$(version python3) || die "Python 3.11 or newer is needed, and there is no python3."
    die "Python 3.11 or newer is needed; python3 is $found. Name another with PYTHON: make demo PYTHON=python3.12"
}

# What .venv is made from: when it differs, something must be installed.
fingerprint() { cat pyproject.toml "requirements/$1.txt" scripts/setup.sh | cksum; }
is_ready() { [ "$(cat "$venv/.ready-$1" 2>/dev/null)" = "$(fingerprint "$1")" ]; }

# Its Python runs and is the one that was asked for, and the folder was not moved (the scripts in .venv name it).
is_sound() {
    is_recent $venv/bin/python &&
        [ "$(cat $venv/.place 2>/dev/null)" = "$(pwd)" ] &&
        { [ -z "${PYTHON:-}" ] || [ "$(version "$PYTHON")" = "$(version $venv/bin/python)" ]; }
}

# A .venv that uv made has no pip.
can_install() { command -v uv >/dev/null 2>&1 || $venv/bin/python -m pip --version >/dev/null 2>&1; }

make_venv() {
    python=$(find_python)
    say "Making $venv with Python $(version "$python")"
    if command -v uv >/dev/null 2>&1; then
        uv venv --quiet --clear --python "$python" "$venv" >&2
    else
        "$python" -m venv --clear "$venv" >&2 ||
            die "$python cannot make a virtual environment. On Debian and Ubuntu: apt-get install python3-venv"
    fi
    pwd >$venv/.place
}

install() {
    if command -v uv >/dev/null 2>&1; then
        uv pip install --quiet --python $venv/bin/python "$@" >&2
    else
        $venv/bin/python -m pip install -qq --disable-pip-version-check --no-input "$@" >&2
    fi
}

is_underway() { [ -e $underway ] && kill -0 "$(cat $underway)" 2>/dev/null; }
if is_underway; then say "Waiting for another set-up, process $(cat $underway) (if there is none, remove $underway)"; fi
while is_underway; do sleep 1; done

if [ ! -e $underway ] && is_sound && { is_ready "$wanted" || is_ready dev; }; then exit 0; fi

if [ -e $underway ] || ! is_sound || ! can_install; then
    echo $$ >$underway
    make_venv
fi
echo $$ >$underway

say "Installing $requirements"
install --require-hashes -r "$requirements"
install --no-deps --no-build-isolation --editable .

fingerprint "$wanted" >"$venv/.ready-$wanted"
rm $underway
