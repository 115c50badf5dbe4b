# Sourced by the commands in bin/: makes the project's environment, and installs what the machine lacks.
#
#   need_environment          uv, and the project's packages in .venv
#   need_host_tools           QEMU and the few programs that guests and their network need
#   need_guest_image          the tiny guest image, built once; its path is in $GUEST_IMAGE
#   need_openstack_client     the real `openstack` command, in an environment of its own; its path is in $OPENSTACK
#
# Packages come by apt, as root or with sudo; where neither is possible the line to type is printed, and we stop.
# shellcheck shell=bash
set -euo pipefail

ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
TOOLS=$ROOT/.tools
CACHE=${KILONOVA_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/kilonova}
UV_PIN=0.13.8
OPENSTACK_CLIENT="python-openstackclient osc-placement"

say() { printf '%s\n' "$*" >&2; }

run_as_root() {
    if [ "$(id -u)" = 0 ]; then "$@"; elif command -v sudo >/dev/null && sudo -n true 2>/dev/null; then sudo "$@"; else
        say "This machine lacks something that only root can install. Please type:"
        say "    sudo $*"
        say "and start this command again."
        exit 1
    fi
}

# install_packages NAME...: those Debian packages that are not there yet.
install_packages() {
    local missing=()
    for name in "$@"; do
        dpkg-query -W -f '${Status}' "$name" 2>/dev/null | grep -q 'ok installed' || missing+=("$name")
    done
    [ ${#missing[@]} = 0 ] && return
    say "installing: ${missing[*]}"
    if [ "$(id -u)" = 0 ] || { command -v sudo >/dev/null && sudo -n true 2>/dev/null; }; then
        run_as_root apt-get update -qq >&2
    fi
    run_as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" >&2
}

need_uv() {
    if command -v uv >/dev/null; then UV=uv; return; fi
    UV=$TOOLS/uv/bin/uv
    [ -x "$UV" ] && return
    python3 -c 'import venv, ensurepip' 2>/dev/null || install_packages python3-venv
    say "installing uv"
    python3 -m venv "$TOOLS/uv"
    "$TOOLS/uv/bin/pip" install --quiet --disable-pip-version-check "uv==$UV_PIN"
}

need_environment() {
    need_uv
    (cd "$ROOT" && "$UV" sync --quiet --all-packages --frozen --compile-bytecode)
}

need_host_tools() {
    install_packages qemu-system-x86 qemu-utils dnsmasq-base nftables iproute2 openssh-client procps
}

need_guest_tools() {
    install_packages zstd binutils dpkg-dev e2fsprogs openssl qemu-utils
}

need_guest_image() {
    local stamp
    stamp=$(cd "$ROOT/tools/guest" && find . -type f -not -name '*.pyc' -print0 | sort -z | xargs -0 sha256sum | sha256sum | cut -c1-16)
    GUEST_IMAGE=$CACHE/guest-$stamp/tiny.qcow2
    if [ ! -s "$GUEST_IMAGE" ]; then
        need_guest_tools
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
