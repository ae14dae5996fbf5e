#!/bin/sh
# Run a command of the project's environment, making it first.
# Usage: setup/in-venv.sh EXTRAS [PACKAGE=COMMAND | PACKAGE=/PATTERN]... COMMAND [ARGUMENT...]
# EXTRAS: names from pyproject.toml, separated by commas, or "" for none. PACKAGE: a Debian package to have, too.
set -eu
root=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd -P)
# shellcheck source=setup/environment.sh
. "$root/setup/environment.sh"

extras=$1
shift
while [ "${1#*=}" != "$1" ]; do
    provide_packages "$1"
    shift
done
provide_project "$extras"
command=$1
shift
cd "$root"
exec "$root/.venv/bin/$command" "$@"
