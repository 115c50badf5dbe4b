#!/usr/bin/env bash
# Tempest against a cloud of its own: just tempest REGEX [--driver fake|qemu] [--cloud clouds.yaml] ...   (--help: all)
. "$(dirname "$(readlink -f "$0")")/../setup.sh"
TEMPEST_PIN=47.0.0

need_tempest() {
    [ -x "$TOOLS/tempest/bin/tempest" ] && [ -e "$TOOLS/tempest/$TEMPEST_PIN" ] && return
    say "installing tempest $TEMPEST_PIN, in an environment of its own"
    "$UV" venv --quiet --allow-existing "$TOOLS/tempest"
    "$UV" pip install --quiet --python "$TOOLS/tempest/bin/python" "tempest==$TEMPEST_PIN" junitxml
    touch "$TOOLS/tempest/$TEMPEST_PIN"
}

need_uv
[ -x "$ROOT/.venv/bin/kilonova" ] || need_environment
need_tempest
case " $* " in
    *" --driver qemu "* | *" --driver=qemu "*)
        need_machine
        need_guest_image
        set -- --image "$GUEST_IMAGE" "$@"
        ;;
esac
exec "$ROOT/.venv/bin/python" "$ROOT/tools/tempest/run_tempest.py" --tempest "$TOOLS/tempest" "$@"
