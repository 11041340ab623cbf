#!/bin/sh
# Builds the images: the binaries for one architecture, outside of any
# container, then an image each target from deploy/docker/Dockerfile, and a list
# of what is in it beside it. An engine has to run (scripts/engine.sh starts
# one).
#
#	TARGETS   which of control, worker and deployer; all of them by default
#	BASE      image they are built from, debian:bookworm-slim of the architecture
#	REGISTRY  first part of their names, probefleet
#	TAG       their tag, what git says of the tree
#	ARCH      amd64 or arm64, the engine's own by default; tags of another one end
#	          with it, and but for control the kernel has to run its programs
#	FONTS     Debian packages of the worker's fonts
#
# DOCKER_BUILDKIT=1 builds with BuildKit, 0 with the builder before it, which
# cannot build for another architecture.
set -eu
cd "$(dirname "$0")/.."

targets=${TARGETS:-control worker deployer}
registry=${REGISTRY:-probefleet}
go=${GO:-go}
version=$(git describe --tags --always --dirty 2>/dev/null || echo devel)
module=github.com/probefleet/probefleet
out=bin/images
say() { printf 'images: %s\n' "$*"; }

engine=$(docker version --format '{{.Server.Arch}}' 2>/dev/null) || {
	echo "images: no engine answers: start Docker, or run this by scripts/engine.sh $0" >&2
	exit 1
}
arch=${ARCH:-$engine}
own=debian:bookworm-slim
suffix=""
if [ "$arch" != "$engine" ]; then
	suffix=-$arch
	export DOCKER_BUILDKIT=1
fi
case $suffix in
"") base=$own ;;
-arm64) base=arm64v8/$own ;;
-amd64) base=amd64/$own ;;
*) echo "images: ARCH is $arch; use amd64 or arm64" >&2; exit 1 ;;
esac
base=${BASE:-$base}
certificates=$base
if [ -n "$suffix" ]; then certificates=$own; fi
tag=${TAG:-$version$suffix}

commands=""
for target in $targets; do
	case $target in
	control) commands="$commands scheduler recorder console dashboard deployer probefleet" ;;
	worker) commands="$commands worker" ;;
	deployer) commands="$commands deployer" ;;
	*) echo "images: no target is called $target: use control, worker, deployer" >&2; exit 1 ;;
	esac
done
# control has no system, so that its certificates may come from any base.
case " $targets " in *" control "*) sh scripts/base-image.sh "$certificates" ;; esac
case " $targets " in *" worker "* | *" deployer "*) sh scripts/base-image.sh "$base" ;; esac
say "building the binaries for linux/$arch"
mkdir -p "$out/$arch"
set --
for command in $commands; do set -- "$@" "./cmd/$command"; done
CGO_ENABLED=0 GOOS=linux GOARCH=$arch "$go" build -ldflags "-s -w -X $module/cmd/internal/daemon.build=$version" -o "$out/$arch/" "$@"

# What an image without a system needs of one.
rm -rf "$out/rootfs"
mkdir -p "$out/rootfs/etc" "$out/rootfs/tmp" "$out/rootfs/usr/share/probefleet"
chmod 1777 "$out/rootfs/tmp"
echo 'probefleet:x:10001:10001:probefleet:/tmp:/nonexistent' >"$out/rootfs/etc/passwd"
echo 'probefleet:x:10001:' >"$out/rootfs/etc/group"
cp deploy/docker/seccomp.json "$out/rootfs/usr/share/probefleet/"
# Folders that are ours to write to; a new volume takes its owner from there.
rm -rf "$out/state"
mkdir -p "$out/state/artifacts"

for target in $targets; do
	name=$registry/$target:$tag
	set -- --target "$target" --tag "$name" --tag "$registry/$target:latest$suffix" --build-arg "BASE=$base" --build-arg "CERTIFICATES=$certificates" --build-arg "MACHINE=linux/$engine" --build-arg "TARGETARCH=$arch" \
		--build-arg "VERSION=$version" --build-arg "REVISION=$(git rev-parse HEAD 2>/dev/null || echo unknown)" \
		--build-arg "CREATED=$(date -u +%Y-%m-%dT%H:%M:%SZ)"
	if [ -n "$suffix" ]; then set -- "$@" --platform "linux/$arch"; fi
	if [ -n "${FONTS:-}" ] && [ "$target" = worker ]; then set -- "$@" --build-arg "FONTS=$FONTS"; fi
	say "building $name"
	docker build --quiet "$@" -f deploy/docker/Dockerfile "$out" >"$out/$target.log" 2>&1 || { cat "$out/$target.log" >&2; exit 1; }
	built=$(docker image inspect --format '{{.Architecture}}' "$name")
	[ "$built" = "$arch" ] || { echo "images: $name is of $built, not $arch: see $out/$target.log" >&2; exit 1; }
	sh scripts/sbom.sh "$name" >"$out/$target.cdx.json"
	say "$name: $(docker image inspect --format '{{.Size}}' "$name" | awk '{printf "%.0f MB", $1/1e6}')"
done
