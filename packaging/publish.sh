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

step "checksums"
(cd target/dist && sha256sum --check --quiet SHA256SUMS)
version=$(sed -n 's/^version = "\(.*\)"$/\1/p' Cargo.toml | head -n 1)

step "crates.io"
# `cargo xtask package` has built each crate from its package.
cargo publish --workspace --locked --no-verify $dry

step "npm"
# `ably-auth` depends on the packages of the platforms. The file `.npmrc` names the variable with the token.
token=$(mktemp)
trap 'rm -f "$token"' EXIT
[ -n "$dry" ] || echo '//registry.npmjs.org/:_authToken=${NODE_AUTH_TOKEN}' >"$token"
for package in target/dist/ably-auth-linux-*.tgz "target/dist/ably-auth-$version.tgz" "target/dist/ably-capability-$version.tgz"; do
    npm publish $dry --access public ${dry:+--loglevel=error} ${dry:---userconfig "$token"} "$package"
done

step "PyPI"
python3 -m venv target/publish
target/publish/bin/pip install --quiet --disable-pip-version-check twine==7.0.0
if [ -n "$dry" ]; then
    target/publish/bin/twine check --strict target/dist/*.whl
else
    TWINE_USERNAME=__token__ target/publish/bin/twine upload --non-interactive target/dist/*.whl
fi

step "image"
image=target/dist/ably-auth-$version.image.tar
if [ -n "$dry" ]; then
    skopeo inspect --raw "oci-archive:$image" >/dev/null
else
    skopeo copy --all --dest-creds "$IMAGE_CREDENTIALS" "oci-archive:$image" "docker://$IMAGE_REPOSITORY:$version"
fi
step "${dry:+not }published: $version"
