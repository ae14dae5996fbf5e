# shellcheck shell=sh
# The set-up that run, test and .ci/run share: Debian packages and virtual environments, made once and reused.
# Source it with `root` set to the absolute path of the checkout. POSIX sh; needs Debian's essential packages only.
#
# An environment carries stamps: `made` holds a hash of its place and its Python, `ready…` one that also covers the
# files it was installed from. An environment whose stamp still holds is used as it is, without the network. Elsewhere,
# or with another Python, it is made anew; with other files only, it is brought up to date.

# shellcheck disable=SC2154 # the sourcing script sets root
state=$root/.fs2od
log=$state/setup.log
unset PYTHONHOME PYTHONPATH

# Progress goes to stderr: stdout belongs to the command that follows.
say() { printf 'fs2od: %s\n' "$*" >&2; }

fail() {
    say "cannot go on: $*"
    exit 1
}

# first_error: print why apt or pip failed, from the log. The first error counts, the later ones follow from it.
first_error() {
    if grep -q 'after connection broken by' "$log"; then
        # Without its index pip speaks of conflicting requirements.
        echo "the package index cannot be reached"
    else
        grep -m 1 -E '^(E:|ERROR)' "$log" || echo "no reason was given"
    fi
}

# lock: let one set-up of this checkout work at a time. The kernel drops the lock when its holder dies.
lock() {
    command -v flock >/dev/null || fail "the command flock is missing (Debian package util-linux)"
    { mkdir -p "$state" && : >>"$state/setup.lock"; } 2>/dev/null || fail "$state cannot be written by this user"
    exec 9>>"$state/setup.lock"
    if ! flock -n 9; then
        say "another set-up of this checkout is at work, waiting for it (15 minutes at most)"
        flock -w 900 9 || fail "the other set-up did not end within 15 minutes"
    fi
    : >"$log"
}

unlock() { exec 9>&-; }

# as_root COMMAND...: run it as root, directly or through sudo. Asks for a password only at a terminal.
as_root() {
    if [ "$(id -u)" -eq 0 ]; then
        "$@"
    elif [ -t 0 ]; then
        sudo "$@"
    else
        sudo -n "$@"
    fi
}

apt_get() {
    as_root env DEBIAN_FRONTEND=noninteractive apt-get -q -y -o DPkg::Lock::Timeout=300 "$@" \
        </dev/null >>"$log" 2>&1 9>&-
}

# install_packages NAME...: install Debian packages.
install_packages() {
    command -v apt-get >/dev/null || fail "missing: $*. They are Debian packages, and there is no apt-get here"
    if [ "$(id -u)" -ne 0 ]; then
        command -v sudo >/dev/null || fail "missing Debian packages: $*. This needs root, and there is no sudo"
        [ -t 0 ] || sudo -n true 2>/dev/null ||
            fail "missing Debian packages: $*. This needs root, and sudo asks for a password"
        # At a terminal sudo may ask here, before its output goes to the log.
        sudo -v || fail "missing Debian packages: $*. This needs root, and sudo refused"
    fi
    say "installing Debian packages: $*"
    if [ -z "${lists_are_new-}" ]; then
        # Older lists may still do, so the install itself decides.
        apt_get update || say "apt-get update failed, trying with the package lists at hand"
        lists_are_new=yes
    fi
    apt_get install --no-install-recommends "$@" ||
        fail "missing Debian packages: $*. apt-get install failed: $(first_error) (all of it: $log)"
}

# find_python: print the first Python that is new enough.
find_python() {
    for candidate in python3 /usr/bin/python3 python3.11 python3.12 python3.13 python3.14; do
        if "$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
            printf '%s\n' "$candidate"
            return
        fi
    done
    return 1
}

# venv_key VENV [FILE...]: print a hash of the environment's place, its Python and the files.
venv_key() {
    key_venv=$1
    shift
    {
        "$key_venv/bin/python" -c 'import sys; print(sys.prefix, sys.base_prefix, sys.version)' 2>/dev/null &&
            cat /dev/null "$@"
    } | sha256sum
}

# holds VENV STAMP [FILE...]: does the stamp still say what is there?
holds() {
    held=$1/$2
    [ -x "$1/bin/python" ] && [ -f "$held" ] || return
    key_of=$1
    shift 2
    [ "$(cat "$held")" = "$(venv_key "$key_of" "$@")" ]
}

# make_venv VENV: make an empty environment, unless a sound one is there.
make_venv() {
    if holds "$1" made; then return; fi
    python=$(find_python) || { install_packages python3 && python=$(find_python); } ||
        fail "no Python 3.11 or newer was found"
    "$python" -c 'import ensurepip, venv' 2>/dev/null || install_packages python3-venv
    rm -rf "$1" || fail "$1 cannot be replaced"
    "$python" -m venv "$1" >>"$log" 2>&1 9>&- ||
        fail "$python cannot make a virtual environment: $(tail -n 1 "$log") (all of it: $log)"
    venv_key "$1" >"$1/made"
}

# pip_install VENV ARGUMENT...
pip_install() {
    pip_venv=$1
    shift
    (cd "$root" && "$pip_venv/bin/python" -m pip install --quiet --no-input --disable-pip-version-check \
        --progress-bar off "$@") </dev/null >>"$log" 2>&1 9>&- ||
        fail "Python packages cannot be installed: $(first_error) (all of it: $log)"
}

# provide_project EXTRAS: have .venv hold fs2od, in place, with these extras ("" or names separated by commas).
provide_project() {
    venv=$root/.venv
    # One stamp for the project itself and one for each extra: whatever was installed for one command serves the others.
    stamps="project $(printf '%s' "$1" | tr ',' ' ')"
    if project_ready; then return; fi
    lock
    if ! project_ready; then
        say "preparing Python packages${1:+ for: $1} (about a minute, once)"
        make_venv "$venv"
        # The build tool comes first and pinned, so that the project itself is built without the network.
        pip_install "$venv" -c constraints.txt setuptools
        # What is compiled here brings the tools that it is built with, apart from ours.
        case ",$1," in *,mount,*) pip_install "$venv" -c constraints.txt pyfuse3 ;; esac
        pip_install "$venv" -c constraints.txt --no-build-isolation -e ".${1:+[$1]}"
        key=$(project_key)
        for stamp in $stamps; do printf '%s\n' "$key" >"$venv/ready-$stamp"; done
    fi
    unlock
}

project_key() { venv_key "$venv" "$root/pyproject.toml" "$root/constraints.txt"; }

project_ready() {
    [ -x "$venv/bin/python" ] || return
    key=$(project_key)
    for stamp in $stamps; do
        [ -f "$venv/ready-$stamp" ] && [ "$(cat "$venv/ready-$stamp")" = "$key" ] || return
    done
}

# provide_witness: have .venv-witness hold Python clients that others wrote, Onedata's own and some of S3. What they need
# does not agree with what fs2od needs, so that they have an environment apart.
provide_witness() {
    witness=$root/.venv-witness
    if holds "$witness" ready "$root/setup/witness.txt"; then return; fi
    lock
    if ! holds "$witness" ready "$root/setup/witness.txt"; then
        say "preparing clients that others wrote, for the tests"
        make_venv "$witness"
        pip_install "$witness" -r setup/witness.txt
        "$witness/bin/python" -c 'import boto3, fs.onedatarestfs, onedatafilerestclient, s3fs' >>"$log" 2>&1 ||
            fail "the clients that others wrote do not start: $(tail -n 1 "$log") (all of it: $log)"
        venv_key "$witness" "$root/setup/witness.txt" >"$witness/ready"
    fi
    unlock
}

# is_there COMMAND | /PATTERN: is there such a command, or a file of that name?
is_there() {
    # shellcheck disable=SC2086 # the pattern is to be expanded
    case $1 in
    /*) ls $1 >/dev/null 2>&1 ;;
    *) command -v "$1" >/dev/null ;;
    esac
}

# provide_packages [PACKAGE=COMMAND | PACKAGE=/PATTERN]...: install the packages whose command or file is missing.
provide_packages() {
    missing=
    for need in "$@"; do
        is_there "${need#*=}" || missing="$missing ${need%%=*}"
    done
    if [ -z "$missing" ]; then return; fi
    lock
    # shellcheck disable=SC2086 # a list of package names, without spaces in them
    install_packages $missing
    unlock
}
