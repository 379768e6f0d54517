#!/bin/sh
# Publishes the files in target/dist, in the order in which they need each other. With --dry-run, does all but the uploads.
#
#   packaging/publish.sh [--dry-run]
#
# Needs cargo 1.90 or later, npm, python3 and skopeo. Except for --dry-run, needs these variables, each with a token that may publish:
# CARGO_REGISTRY_TOKEN (crates.io), NODE_AUTH_TOKEN (npm), TWINE_PASSWORD (PyPI), IMAGE_REPOSITORY such as ghcr.io/OWNER/ably-auth,
# and IMAGE_CREDENTIALS (USER:TOKEN of its registry).
set -eu
cd "$(dirname "$0")/.."

case "${1:-}" in
--dry-run) dry=--dry-run ;;
'') dry= ;;
*)
    echo "unknown option \`$1\`; the only one is --dry-run" >&2
    exit 2
    ;;
esac
step() { echo "== $*"; }

if [ -z "$dry" ]; then
    # Without all tokens, a part would be published, and a published number is never used again.
    for variable in CARGO_REGISTRY_TOKEN NODE_AUTH_TOKEN TWINE_PASSWORD IMAGE_REPOSITORY IMAGE_CREDENTIALS; do
        eval "[ -n \"\${$variable:-}\" ]" || {
            echo "$variable is not set; the first lines of $0 list the variables" >&2
            exit 2
        }
    done
fi

scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
dist=target/dist
version=$(sed -n 's/^version = "\(.*\)"$/\1/p' Cargo.toml | head -n 1)

# The files, before the first upload.
step "checksums"
(cd "$dist" && sha256sum --check --quiet SHA256SUMS)

step "packages of PyPI"
python3 -m venv target/publish
target/publish/bin/pip install --quiet --disable-pip-version-check twine==7.0.0
target/publish/bin/twine check --strict "$dist"/*.whl

step "images"
# Reads an image as `docker load` or as a registry does, with all its blobs, whose digests skopeo compares.
read_image() { # read_image ARCHITECTURE ARCHIVE
    found=$(skopeo inspect --override-os linux --override-arch "$1" \
        --format '{{.Architecture}} {{index .Labels "org.opencontainers.image.version"}}' "$2")
    [ "$found" = "$1 $version" ] || {
        echo "error: $2 has the architecture and version \`$found\`, not \`$1 $version\`" >&2
        exit 1
    }
    skopeo copy --quiet --override-os linux --override-arch "$1" "$2" "dir:$scratch/image"
    rm -rf "$scratch/image"
}
image=$dist/ably-auth-$version.image.tar
for architecture in amd64 arm64; do
    alone=$dist/ably-auth-$version-$architecture.image.tar
    for archive in "docker-archive:$alone" "oci-archive:$alone" "oci-archive:$image"; do
        read_image "$architecture" "$archive"
    done
done
skopeo copy --quiet --all "oci-archive:$image" "dir:$scratch/images"

step "crates.io"
# `cargo xtask package` has built each crate from its package.
cargo publish --workspace --locked --no-verify $dry

step "npm"
[ -n "$dry" ] || {
    # It names the variable with the token, which npm reads.
    echo '//registry.npmjs.org/:_authToken=${NODE_AUTH_TOKEN}' >"$scratch/npmrc"
    export NPM_CONFIG_USERCONFIG="$scratch/npmrc"
}
# `ably-auth` depends on the packages of the platforms.
for package in "$dist"/ably-auth-linux-*.tgz "$dist/ably-auth-$version.tgz" "$dist/ably-capability-$version.tgz"; do
    npm publish $dry --access public --loglevel=error "$package"
done

step "PyPI"
[ -n "$dry" ] || TWINE_USERNAME=__token__ target/publish/bin/twine upload --non-interactive "$dist"/*.whl

step "image"
[ -n "$dry" ] || skopeo copy --all --dest-creds "$IMAGE_CREDENTIALS" "oci-archive:$image" "docker://$IMAGE_REPOSITORY:$version"
step "${dry:+not }published: $version"
