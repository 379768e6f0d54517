#!/bin/sh
# Runs the service and its health check in the unpacked files of an image, as a container engine does: as another user, without the
# network, and with files that nobody can change. `cargo xtask dist` starts this script in namespaces of its own:
#
#   unshare --mount --net --pid --fork packaging/try-image.sh FOLDER USER
set -eu
root=$1 user=$2

mount --bind "$root" "$root"
mount -o remount,bind,ro "$root"
ip link set lo up
inside() {
    env -i PATH="$PATH" ABLY_AUTH_LISTEN=127.0.0.1:8484 ABLY_AUTH_ADMIN=127.0.0.1:8485 \
        chroot --userspec="$user" "$root" /ably-auth "$@"
}

if touch "$root/file" 2>/dev/null; then
    echo "error: the files of the image can be changed; is the mount read-only?" >&2
    exit 1
fi
status=0
inside health >/dev/null 2>&1 || status=$?
if [ "$status" -ne 1 ]; then
    echo "error: the health check ends with $status without a service; it must end with 1" >&2
    exit 1
fi
inside serve --sandbox >/dev/null 2>&1 &
tries=0
until inside health >/dev/null 2>&1; do
    tries=$((tries + 1))
    if [ "$tries" -ge 100 ]; then
        echo "error: the service is not ready after 100 health checks; run \`/ably-auth serve --sandbox\` in the image" >&2
        exit 1
    fi
    sleep 0.1
done
kill $!
