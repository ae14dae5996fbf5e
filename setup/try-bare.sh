#!/bin/sh
# Try this tree on a bare Debian 12. Usage, as root: setup/try-bare.sh CHROOT_DIRECTORY [COMMAND [ARGUMENT...]]
#
# COMMAND is run, test (the default), .ci/run or any other path in the tree. CHROOT_DIRECTORY/base is made once by
# debootstrap: the smallest Debian 12, and python3. Each trial starts from a fresh copy of it, CHROOT_DIRECTORY/trial,
# with a fresh copy of the tree in /srv/fs2od. AGAIN=1 goes on in the last trial instead, with its installed packages,
# .venv and .fs2od. Mirror, certificates and pip's configuration are those of this machine. The network is shared.
set -eu
root=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd -P)

say() { printf 'try-bare: %s\n' "$*" >&2; }

fail() {
    say "$*"
    exit 1
}

[ $# -ge 1 ] || fail "usage: setup/try-bare.sh CHROOT_DIRECTORY [COMMAND [ARGUMENT...]]"
[ "$(id -u)" -eq 0 ] || fail "this needs root"
command -v debootstrap >/dev/null || fail "debootstrap is missing (Debian package debootstrap)"
mkdir -p "$1"
place=$(CDPATH='' cd -- "$1" && pwd -P)
base=$place/base
trial=$place/trial
shift

# sources: the lines "URI SUITE COMPONENT" for Debian 12 that this machine's apt uses.
sources() {
    # shellcheck disable=SC2016 # apt fills these in
    apt-get indextargets --format '$(REPO_URI) $(RELEASE) $(COMPONENT)' 'Created-By: Packages' |
        grep -E ' bookworm(-updates|-security)? main$'
}

# make_base: debootstrap, then what tells apt and pip how to reach their servers from here.
make_base() {
    mirror=$(sources | sed -n 's/ bookworm main$//p' | head -n 1)
    [ -n "$mirror" ] || fail "apt on this machine knows no source of Debian 12; run apt-get update"
    say "making the base (once)"
    rm -rf "$base.new"
    debootstrap --variant=minbase --include=python3 bookworm "$base.new" "$mirror" >"$place/debootstrap.log" 2>&1 ||
        fail "debootstrap failed: $(tail -n 1 "$place/debootstrap.log")"
    mv "$base.new" "$base"
}

# copy_configuration: give the trial this machine's ways to the package servers, and nothing else of it.
copy_configuration() {
    sources | sed 's/^/deb /' >"$trial/etc/apt/sources.list"
    grep -l '^Acquire::Check' /etc/apt/apt.conf.d/* | while read -r file; do
        cp "$file" "$trial/etc/apt/apt.conf.d/"
    done
    for file in /etc/resolv.conf /etc/hosts /etc/pip.conf /etc/xdg/pip /etc/ssl/certs/ca-certificates.crt \
        /usr/local/share/ca-certificates; do
        if [ -e "$file" ]; then
            mkdir -p "$trial$(dirname "$file")"
            cp -RL "$file" "$trial$(dirname "$file")/"
        fi
    done
    # No service starts in here.
    printf '#!/bin/sh\nexit 101\n' >"$trial/usr/sbin/policy-rc.d"
    chmod 755 "$trial/usr/sbin/policy-rc.d"
}

# copy_tree: the last commit, or with changes the files as they are; never .git.
copy_tree() {
    mkdir -p "$trial/srv/fs2od"
    find "$trial/srv/fs2od" -mindepth 1 -maxdepth 1 ! -name '.venv*' ! -name .fs2od -exec rm -rf {} +
    cd "$root"
    if git rev-parse -q --verify HEAD >/dev/null && [ -z "$(git status --porcelain)" ]; then
        say "copying the last commit"
        git archive HEAD
    else
        say "copying the files as they are, with uncommitted changes"
        git ls-files -z -co --exclude-standard --deduplicate | xargs -0 sh -c 'ls -d -- "$@" 2>/dev/null' sh |
            tar -c --no-recursion -T -
    fi | tar -x -C "$trial/srv/fs2od" --no-same-owner
}

[ -x "$base/usr/bin/python3" ] || make_base
if [ -z "${AGAIN-}" ] || [ ! -d "$trial" ]; then
    say "starting from a fresh base"
    rm -rf --one-file-system "$trial"
    cp -a --reflink=auto "$base" "$trial"
    copy_configuration
fi
copy_tree

command=${1:-test}
[ $# -eq 0 ] || shift
case $command in
.ci/run) set -- bash .ci/run "$@" ;;
*) set -- "./$command" "$@" ;;
esac
say "running in the chroot: $*"

# The mounts live in a namespace of their own and the processes too, so both end with the command.
# The environment is empty but for the ways to pip's servers, as an administrator would set them.
# shellcheck disable=SC2016 # expanded by the inner shell
exec unshare --mount --pid --fork --kill-child sh -euc '
    trial=$1
    shift
    mount -t proc proc "$trial/proc"
    mount -t sysfs -o ro sysfs "$trial/sys" 2>/dev/null || true
    [ ! -d /sys/fs/cgroup ] || mount --rbind /sys/fs/cgroup "$trial/sys/fs/cgroup"
    mount --rbind /dev "$trial/dev"
    mount -t tmpfs tmpfs "$trial/tmp"
    exec env -i PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root TERM="${TERM-dumb}" \
        ${PIP_CERT+PIP_CERT="$PIP_CERT"} ${PIP_INDEX_URL+PIP_INDEX_URL="$PIP_INDEX_URL"} \
        ${PIP_DEFAULT_TIMEOUT+PIP_DEFAULT_TIMEOUT="$PIP_DEFAULT_TIMEOUT"} \
        ${http_proxy+http_proxy="$http_proxy"} ${https_proxy+https_proxy="$https_proxy"} \
        ${no_proxy+no_proxy="$no_proxy"} \
        chroot "$trial" sh -c '\''cd /srv/fs2od && exec "$@"'\'' sh "$@"
' sh "$trial" "$@"
