#!/bin/sh
# Prints what is in an image as CycloneDX 1.6, by reading the image itself: the
# packages of its dpkg database, and the modules that each Go binary says it was
# built from.
#
#	scripts/sbom.sh IMAGE
set -eu
image=${1:?name the image: $0 IMAGE}
here=$(cd "$(dirname "$0")/.." && pwd)
work=$(mktemp -d)
container=""
cleanup() {
	if [ -n "$container" ]; then docker rm -f "$container" >/dev/null 2>&1 || true; fi
	rm -rf "$work"
}
trap cleanup EXIT INT TERM
# A container that is never started, to copy files out of the image.
container=$(docker create "$image" none)
mkdir "$work/bin"
docker cp -q "$container:/usr/local/bin/." "$work/bin" 2>/dev/null || docker cp "$container:/usr/local/bin/." "$work/bin" >/dev/null
docker cp "$container:/var/lib/dpkg/status" "$work/status" >/dev/null 2>&1 || : >"$work/status"
cd "$here"
"${GO:-go}" run ./scripts/sbom -name "$image" -digest "$(docker image inspect --format '{{.Id}}' "$image")" -dpkg "$work/status" "$work"/bin/*
