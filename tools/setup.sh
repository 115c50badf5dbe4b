# Sourced by the commands in bin/: makes the project's environment, and installs what the machine lacks.
#
#   need_machine [NAME...]    every Debian package that the others may need, and NAME..., asked for once and together
#   need_environment          uv, and the project's packages in .venv
#   need_guest_image          the tiny guest image, built once; its path is in $GUEST_IMAGE
#   need_openstack_client     the real `openstack` command, in an environment of its own; its path is in $OPENSTACK
#
# Packages come by apt, as root or with a sudo that asks nothing; where neither is possible the one line to type is
# printed, and we stop. All else is put into the checkout and the user's cache, and needs no privilege.
# shellcheck shell=bash
set -euo pipefail

ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
TOOLS=$ROOT/.tools
CACHE=${KILONOVA_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/kilonova}
UV_PIN=0.13.8
OPENSTACK_CLIENT="python-openstackclient osc-placement"

say() { printf '%s\n' "$*" >&2; }

lacks() { ! dpkg-query -W -f '${Status}' "$1" 2>/dev/null | grep -q 'ok installed'; }

# install_packages NAME...: those Debian packages that are not there yet.
install_packages() {
    local missing=() name become=(env)
    for name in "$@"; do
        if lacks "$name"; then missing+=("$name"); fi
    done
    [ ${#missing[@]} = 0 ] && return
    if [ "$(id -u)" != 0 ]; then
        # An ordinary user's guests reach what is outside by pasta; worth asking for, but not for its sake alone.
        if lacks passt; then missing+=(passt); fi
        if ! command -v sudo >/dev/null || ! sudo -n true 2>/dev/null; then say_what_to_type "${missing[@]}"; exit 1; fi
        become=(sudo env)
    fi
    say "installing: ${missing[*]}"
    "${become[@]}" apt-get update -qq >&2
    "${become[@]}" DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" >&2
}

say_what_to_type() {
    local commands="apt-get update && apt-get install -y --no-install-recommends $*"
    # Security groups stand on this module, which only root can load; see also `kilonova doctor`.
    [ -e /proc/sys/net/bridge/bridge-nf-call-iptables ] || commands+=" && modprobe br_netfilter"
    say "This machine lacks what only root can install. Please type this line, and start this command again:"
    if command -v sudo >/dev/null; then
        say "    sudo sh -c '$commands'"
    else
        say "    su - -c '$commands'"
    fi
}

has_uv() { command -v uv >/dev/null || [ -x "$TOOLS/uv/bin/uv" ]; }
can_make_uv() { python3 -c 'import venv, ensurepip' 2>/dev/null; }

need_uv() {
    if command -v uv >/dev/null; then UV=uv; return; fi
    UV=$TOOLS/uv/bin/uv
    [ -x "$UV" ] && return
    can_make_uv || install_packages python3-venv
    say "installing uv"
    python3 -m venv "$TOOLS/uv"
    "$TOOLS/uv/bin/pip" install --quiet --disable-pip-version-check "uv==$UV_PIN"
}

# The distribution's own Python, where it is new enough: it is what most people have, and built with all its
# optimizations, which another that comes first on PATH may not be.
python_of_machine() {
    local found=/usr/bin/python3
    if "$found" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then printf '%s' "--python=$found"; fi
}

need_environment() {
    need_uv
    # shellcheck disable=SC2046 # one word or none
    (cd "$ROOT" && "$UV" sync --quiet --all-packages --frozen --compile-bytecode $(python_of_machine))
}

need_machine() {
    local wanted=(qemu-system-x86 qemu-utils dnsmasq-base nftables iproute2 openssh-client procps "$@")
    has_uv || can_make_uv || wanted+=(python3-venv)
    [ -s "$(guest_image)" ] || wanted+=(zstd binutils dpkg-dev e2fsprogs openssl)
    install_packages "${wanted[@]}"
}

# The path of the image that this checkout's tools/guest builds.
guest_image() {
    local stamp
    stamp=$(cd "$ROOT/tools/guest" && find . -type f -not -name '*.pyc' -print0 | sort -z | xargs -0 sha256sum | sha256sum | cut -c1-16)
    printf '%s' "$CACHE/guest-$stamp/tiny.qcow2"
}

need_guest_image() {
    GUEST_IMAGE=$(guest_image)
    if [ ! -s "$GUEST_IMAGE" ]; then
        say "building the tiny guest image (once)"
        mkdir -p "$CACHE"
        local work
        work=$(mktemp -d "$CACHE/guest.XXXXXX")
        "$ROOT/.venv/bin/python" "$ROOT/tools/guest/build.py" "$work" >&2
        rm -rf "${GUEST_IMAGE%/*}"
        mv "$work" "${GUEST_IMAGE%/*}"
    fi
    export KILONOVA_GUEST_IMAGE=$GUEST_IMAGE
}

need_openstack_client() {
    OPENSTACK=$TOOLS/openstack/bin/openstack
    if [ ! -x "$OPENSTACK" ]; then
        say "installing the openstack client, in an environment of its own"
        "$UV" venv --quiet "$TOOLS/openstack"
        # shellcheck disable=SC2086 # a list of words
        "$UV" pip install --quiet --compile-bytecode --python "$TOOLS/openstack/bin/python" $OPENSTACK_CLIENT
    fi
    export KILONOVA_OPENSTACK=$OPENSTACK
}
