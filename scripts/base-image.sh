#!/bin/sh
# Sees to it that the base image of ours is in the engine: one that is there
# stays, else it is pulled, and where the registry cannot be reached a Debian of
# the same release is made here by debootstrap (as root, about a minute).
#
# Of another architecture than the engine's it is arm64v8/debian:… or
# amd64/debian:…, as the registry calls them; to make that one here, the kernel
# has to run its programs (Debian: qemu-user-static and binfmt-support).
#
#	scripts/base-image.sh [debian:bookworm-slim]
set -eu

image=${1:-debian:bookworm-slim}
say() { printf 'base: %s\n' "$*"; }
fail() { printf 'base: %s\n' "$*" >&2; exit 1; }

present=$(docker image inspect --format '{{.Architecture}}' "$image" 2>/dev/null) || present=""
case $image in
arm64v8/*) wanted=arm64 ;;
amd64/*) wanted=amd64 ;;
*) wanted=$present ;;
esac
if [ -n "$present" ] && [ "$present" = "$wanted" ]; then
	exit 0
fi
say "pulling $image"
if timeout 120 docker pull --quiet "$image" >/dev/null 2>&1; then
	exit 0
fi

arch=$(docker version --format '{{.Server.Arch}}')
own=$arch
case $image in
debian:*-slim) ;;
arm64v8/debian:*-slim) arch=arm64 ;;
amd64/debian:*-slim) arch=amd64 ;;
*) fail "$image cannot be pulled, and only debian:RELEASE-slim can be made here: name one that can be reached (make images BASE=…)" ;;
esac
release=${image#*debian:}
release=${release%-slim}
[ "$(id -u)" = 0 ] || fail "$image cannot be pulled; as root (sudo $0 $image) it is made from Debian's packages"
if ! command -v debootstrap >/dev/null 2>&1; then
	command -v apt-get >/dev/null 2>&1 || fail "$image cannot be pulled; install debootstrap, then try again"
	say "installing debootstrap (apt-get)"
	apt-get update -qq
	DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends debootstrap >/dev/null
fi

say "the registry cannot be reached: making $image from Debian's packages (about a minute)"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT INT TERM
root=$work/root
mirror=http://deb.debian.org
# What nobody reads in a container is not unpacked, and no file is forced to
# the disk; Debian's own slim images do the same.
mkdir -p "$root/etc/dpkg/dpkg.cfg.d"
cat >"$root/etc/dpkg/dpkg.cfg.d/slim" <<EOF
path-exclude /usr/share/doc/*
path-include /usr/share/doc/*/copyright
path-exclude /usr/share/man/*
path-exclude /usr/share/info/*
path-exclude /usr/share/locale/*
force-unsafe-io
EOF
set -- --variant=minbase --include=ca-certificates "--arch=$arch"
if [ "$arch" != "$own" ]; then set -- --foreign "$@"; fi
debootstrap "$@" "$release" "$root" "$mirror/debian" >"$work/log" 2>&1 ||
	{ tail -n 20 "$work/log" >&2; fail "debootstrap did not succeed"; }
if [ "$arch" != "$own" ]; then
	chroot "$root" /bin/true 2>/dev/null ||
		fail "$image is of $arch, and this kernel does not run such programs: apt-get install qemu-user-static binfmt-support, or pull it elsewhere"
	chroot "$root" /debootstrap/debootstrap --second-stage >"$work/log" 2>&1 ||
		{ tail -n 20 "$work/log" >&2; fail "debootstrap did not succeed"; }
fi
# Without the security suite browsers and libraries are those of the release's
# first day.
cat >"$root/etc/apt/sources.list" <<EOF
deb $mirror/debian $release main
deb $mirror/debian $release-updates main
deb $mirror/debian-security $release-security main
EOF
# No service starts in an image.
printf '#!/bin/sh\nexit 101\n' >"$root/usr/sbin/policy-rc.d"
chmod 755 "$root/usr/sbin/policy-rc.d"
chroot "$root" sh -eu -c '
	apt-get update -qq
	DEBIAN_FRONTEND=noninteractive apt-get upgrade -y -qq >/dev/null
	apt-get clean
' >"$work/log" 2>&1 || { tail -n 20 "$work/log" >&2; fail "the packages of $release could not be brought up to date"; }
find "$root/usr/share/doc" -type f ! -name copyright -delete
rm -rf "$root"/usr/share/man/* "$root"/usr/share/info/* "$root"/usr/share/locale/* \
	"$root"/var/lib/apt/lists/* "$root"/var/cache/apt/*.bin "$root"/var/log/*.log "$root"/var/log/apt/* \
	"$root"/tmp/* "$root/etc/resolv.conf" "$root/etc/hostname"
if [ "$arch" = "$own" ]; then
	tar -C "$root" -c . | docker import --change 'CMD ["bash"]' - "$image" >/dev/null
else
	# An image that is imported is of the engine's architecture whatever is
	# said (Docker 20.10), and BuildKit then asks the registry for another.
	mkdir "$work/context"
	tar -C "$root" -cf "$work/context/root.tar" .
	printf 'FROM scratch\nADD root.tar /\nCMD ["bash"]\n' >"$work/context/Dockerfile"
	DOCKER_BUILDKIT=1 docker build --quiet --platform "linux/$arch" --tag "$image" "$work/context" >"$work/log" 2>&1 ||
		{ tail -n 20 "$work/log" >&2; fail "the image was not built"; }
fi
say "made $image"
