#!/bin/sh
# Write constraints.txt anew: the newest versions that pyproject.toml allows, as a fresh environment with all extras
# has them.
set -eu
root=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd -P)
# shellcheck source=setup/environment.sh
. "$root/setup/environment.sh"

provide_packages libfuse3-dev=/usr/include/fuse3/fuse.h pkg-config=pkg-config
lock
fresh=$(mktemp -d)
trap 'rm -rf "$fresh"' EXIT
trap 'exit 130' INT TERM
make_venv "$fresh/venv"
pip_install "$fresh/venv" --upgrade setuptools
pip_install "$fresh/venv" --no-build-isolation -e '.[test,check,mount]'
{
    echo "# Exact versions for all extras. Written by setup/freeze.sh; run it after a change of the dependencies."
    "$fresh/venv/bin/python" -m pip --disable-pip-version-check freeze --all --exclude pip --exclude fs2od 2>>"$log"
} >"$fresh/constraints.txt"
cp "$fresh/constraints.txt" "$root/constraints.txt"
say "wrote constraints.txt: $(grep -c == "$root/constraints.txt") packages"
