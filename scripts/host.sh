#!/bin/sh
# Tries deploy/instance on a host of its own: boots a Debian with systemd, cgroup
# version 2 and Docker under a kernel of its own, runs install.sh there with the
# images of this engine, and looks at what runs after each thing that happens to
# a host: reload, a release that cannot start, a deployer that is killed, restart,
# stop, shutdown, a power cut. The kernel is User Mode Linux, a program as any
# other: no virtual machines have to be had. It lives in a network of its own;
# nothing of this machine's is changed.
#
# Needs Linux on amd64, root, the packages user-mode-linux, debootstrap and
# openssh-client, and both images in the Docker engine (make images;
# scripts/engine.sh starts one). Workers have API slots alone there.
#
#	CONTROL, WORKER  the images, probefleet/control:latest and probefleet/worker:latest
#	COUNT            containers, 5
#	CACHE            folder in which the host's disk is kept, bin/host
set -eu
cd "$(dirname "$0")/.."
control=${CONTROL:-probefleet/control:latest}
worker=${WORKER:-probefleet/worker:latest}
count=${COUNT:-5}
cache=${CACHE:-bin/host}
# How long anything may take, in seconds: others may use this machine, too.
patience=1500
say() { printf 'host: %s\n' "$*"; }
fail() { printf 'host: %s\n' "$*" >&2; exit 1; }

[ "$(id -u)" = 0 ] || fail "this needs root: sudo $0"
[ "$(uname -sm)" = "Linux x86_64" ] || fail "the host's kernel is one for Linux on amd64: run this there"
for program in linux.uml debootstrap mkfs.ext4 ip setsid unshare ssh ssh-keygen docker; do
	command -v "$program" >/dev/null 2>&1 || fail "$program is missing: apt-get install user-mode-linux debootstrap e2fsprogs iproute2 util-linux openssh-client docker.io"
done
mkdir -p "$cache"
cache=$(cd "$cache" && pwd)
modules=$(dirname "$(command -v linux.uml)")/../lib/uml/modules
kernel=$(linux.uml --version)
base=$cache/base-$kernel.img

# disk makes the host's disk, a Debian that has never booted.
disk() {
	root=$cache/root
	rm -rf "$root"
	say "making a Debian with systemd and Docker (some minutes, once)"
	# No file is forced to the disk of this machine while it is made.
	mkdir -p "$root/etc/dpkg/dpkg.cfg.d"
	echo force-unsafe-io >"$root/etc/dpkg/dpkg.cfg.d/making"
	debootstrap --variant=minbase \
		--include=systemd-sysv,udev,dbus,iproute2,iptables,kmod,ca-certificates,openssh-server,docker.io,e2fsprogs,procps \
		bookworm "$root" http://deb.debian.org/debian >"$cache/debootstrap.log" 2>&1 || { tail -n 20 "$cache/debootstrap.log" >&2; fail "debootstrap did not succeed"; }
	echo host >"$root/etc/hostname"
	printf '127.0.0.1 localhost host\n' >"$root/etc/hosts"
	printf '/dev/ubda / ext4 defaults 0 1\n' >"$root/etc/fstab"
	printf '[Match]\nName=vec0\n[Network]\nAddress=10.9.0.2/24\n' >"$root/etc/systemd/network/vec0.network"
	mkdir -p "$root/lib/modules"
	cp -R "$modules/$kernel" "$root/lib/modules/"
	# That kernel has the older tables alone.
	chroot "$root" update-alternatives --set iptables /usr/sbin/iptables-legacy >/dev/null
	# Nothing else is to happen there, and nothing gives up early.
	for unit in apt-daily.timer apt-daily-upgrade.timer dpkg-db-backup.timer e2scrub_all.timer e2scrub_reap.service fstrim.timer; do
		ln -sf /dev/null "$root/etc/systemd/system/$unit"
	done
	mkdir -p "$root/etc/systemd/system.conf.d"
	printf '[Manager]\nDefaultTimeoutStartSec=15min\n' >"$root/etc/systemd/system.conf.d/patience.conf"
	chroot "$root" systemctl enable systemd-networkd.service systemd-networkd-wait-online.service ssh.service docker.service >/dev/null 2>&1
	[ -s "$cache/key" ] || ssh-keygen -q -t ed25519 -N '' -f "$cache/key"
	install -d -m 700 "$root/root/.ssh"
	install -m 600 "$cache/key.pub" "$root/root/.ssh/authorized_keys"
	rm -f "$root/etc/dpkg/dpkg.cfg.d/making" "$base.new"
	truncate -s 12G "$base.new"
	mkfs.ext4 -q -d "$root" "$base.new"
	# Under its name only when it is whole.
	mv "$base.new" "$base"
	rm -rf "$root"
}
machine=""
end() {
	trap - EXIT
	if [ -n "$machine" ]; then
		kill -s KILL -- "-$machine" 2>/dev/null || true
		wait "$machine" 2>/dev/null || true
	fi
	rm -rf "$work"
}

# First with this machine's network, to get what is needed; then again, in one
# that is ours.
if [ -z "${HOST_WORK:-}" ]; then
	docker image inspect "$control" "$worker" >/dev/null 2>&1 || fail "the engine does not have $control and $worker: make images, or name them by CONTROL and WORKER"
	[ -s "$base" ] || disk
	work=$(mktemp -d "$cache/run.XXXXXX")
	trap end EXIT
	trap 'exit 130' INT TERM
	say "copying $control and $worker to the host's second disk"
	docker save -o "$work/images.tar" "$control" "$worker"
	cp --sparse=always "$base" "$work/disk.img"
	mkdir "$work/s"
	if grep -qw amx_tile /proc/cpuinfo; then
		# See there.
		cc -O2 -shared -fPIC -o "$work/xstate.so" scripts/host/xstate.c || fail "a C compiler is needed on a processor with AMX: apt-get install gcc libc6-dev"
	fi
	HOST_WORK=$work exec unshare --net sh "$PWD/scripts/host.sh"
fi
work=$HOST_WORK
unset HOST_WORK
trap end EXIT
trap 'exit 130' INT TERM
ip link set lo up
ip tuntap add host0 mode tap
ip address add 10.9.0.1/24 dev host0
ip link set host0 up

# alive tells a host that runs from one that has ended and was not yet asked.
alive() { [ -d "/proc/$machine" ] && ! grep -q '^State:.*Z' "/proc/$machine/status" 2>/dev/null; }

# boot starts the host, and waits until it lets us in.
boot() {
	name=$1
	began=$(date +%s)
	LD_PRELOAD=$([ ! -e "$work/xstate.so" ] || echo "$work/xstate.so") setsid linux.uml mem=3G "ubd0=$work/disk.img" "ubd1r=$work/images.tar" root=/dev/ubda rw \
		vec0:transport=tap,ifname=host0,depth=64,gro=0 con=null con0=null,fd:1 umid=host "uml_dir=$work/s/" >"$work/console-$name" 2>&1 </dev/null &
	machine=$!
	until there true 2>/dev/null; do
		if [ "$(($(date +%s) - began))" -gt "$patience" ] || ! alive; then
			tail -n 30 "$work/console-$name" >&2
			fail "the host does not answer"
		fi
		sleep 1
	done
}

# gone waits until the host has ended.
gone() {
	while alive; do
		[ "$(($(date +%s) - began))" -le "$patience" ] || { tail -n 30 "$work/console-$name" >&2; fail "the host does not end"; }
		sleep 1
	done
	wait "$machine" 2>/dev/null || true
	machine=""
}

# there runs a command on the host, over one connection a boot.
there() {
	ssh -i "$cache/key" -o BatchMode=yes -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null -o LogLevel=ERROR -o ConnectTimeout=30 \
		-o ControlMaster=auto -o "ControlPath=$work/s/$name" -o ControlPersist=yes root@10.9.0.2 "$@"
}
mine="--filter label=probefleet.deployer.service"
containers() { there "docker ps -q $mine | sort" | tr '\n' ' '; }
left() { there "docker ps -aq $mine | wc -l"; }
status() { there '. /etc/probefleet/instance.env; export PROBEFLEET_IMAGE; deployer instance status' 2>&1; }
# start begins what is measured.
start() { began=$(date +%s); }

# runs says what the host runs and how long that took, and fails unless it is
# as many healthy containers as are wanted, and nothing else.
runs() {
	until [ "$(there "systemctl is-active probefleet-workers; docker ps -q $mine --filter health=healthy | wc -l" | tr '\n' ' ')" = "active $count " ]; do
		if [ "$(($(date +%s) - began))" -gt "$patience" ]; then
			there 'systemctl status probefleet-workers; docker ps -a; journalctl -u probefleet-workers -n 50 --no-pager' >&2 || true
			fail "$1: there are not $count healthy containers"
		fi
		sleep 1
	done
	took=$(($(date +%s) - began))
	[ "$(left)" = "$count" ] || fail "$1: there are other containers beside the $count healthy ones: $(there 'docker ps -a')"
	said=$(status) || fail "$1: $said"
	say "$1: after $took s $count are healthy: $said"
}

boot first
say "booted: $(there 'uname -r; systemctl --version | head -n 1; stat -fc %T /sys/fs/cgroup; docker version --format "docker {{.Server.Version}}"' | tr '\n' ' ')"
there 'docker load -q </dev/ubdb >/dev/null'
# The queue, beside the workers: it comes up again with the host.
there "docker run -d --restart always --name queue -p 172.17.0.1:9324:9324 $control probefleet sqs -addr 0.0.0.0:9324 >/dev/null"
there 'mkdir -p /root/instance /etc/probefleet'
tar -C deploy/instance -c . | there 'tar -x -C /root/instance'
there 'cd /root/instance; sed "s/\"pull\": true/\"pull\": false/; s/\"count\": 5/\"count\": '"$count"'/; s/\"ready\": \"2m\"/\"ready\": \"'"$patience"'s\"/" instance.json >/etc/probefleet/instance.json
	{ cat worker.env; printf "AWS_ENDPOINT_URL_SQS=http://172.17.0.1:9324\nAWS_ACCESS_KEY_ID=none\nAWS_SECRET_ACCESS_KEY=none\nPROBEFLEET_CREATE_QUEUES=true\nPROBEFLEET_BROWSER_SLOTS=0\n"; } >/etc/probefleet/worker.env
	chmod 600 /etc/probefleet/*'
start
there "sh /root/instance/install.sh $control $worker" >"$work/install.log" 2>&1 || { cat "$work/install.log" >&2; there 'journalctl -u probefleet-workers -n 50 --no-pager' >&2; fail "install.sh did not succeed"; }
runs install.sh
said=$(there 'systemd-analyze verify --man=no probefleet-workers.service' 2>&1) && [ -z "$said" ] || fail "systemd-analyze verify: $said"
say "systemd-analyze security: $(there 'systemd-analyze security probefleet-workers.service --no-pager | tail -n 1')"

before=$(containers)
start
there systemctl reload probefleet-workers
[ "$(containers)" = "$before" ] || fail "a reload without a change has replaced containers"
runs "reload without a change"

start
there 'echo PROBEFLEET_API_SLOTS=7 >>/etc/probefleet/worker.env; systemctl reload probefleet-workers'
now=$(containers)
for id in $before; do case " $now " in *" $id "*) fail "container $id has the settings before" ;; esac; done
runs "reload with another worker.env"

# The control image holds no worker.
start
there "cp -p /etc/probefleet/instance.env /root; echo PROBEFLEET_IMAGE=$control >/etc/probefleet/instance.env; systemctl reload probefleet-workers" >/dev/null 2>&1 && fail "the reload with an image that cannot start says that it has succeeded"
[ "$(containers)" = "$now" ] || fail "an image that cannot start has replaced containers"
took=$(($(date +%s) - began))
said=$(there 'journalctl -u probefleet-workers -o cat --no-pager' | grep 'was not rolled out' | tail -n 1)
[ -n "$said" ] || fail "the journal does not say why an image that cannot start was refused: $(there 'journalctl -u probefleet-workers -n 20 --no-pager')"
say "reload with an image that cannot start: refused after $took s, the same containers: $said"
start
there 'mv /root/instance.env /etc/probefleet; systemctl reload probefleet-workers'
[ "$(containers)" = "$now" ] || fail "going back to the image that runs has replaced containers"
runs "reload with the image before"

# Killed when the second new container is there, so that the first one runs.
there 'echo PROBEFLEET_API_SLOTS=8 >>/etc/probefleet/worker.env
	old=$(docker ps -q --filter label=probefleet.deployer.service | sort)
	systemctl reload --no-block probefleet-workers
	for i in $(seq 1500); do
		[ "$(docker ps -aq --filter label=probefleet.deployer.service | sort | comm -13 <(echo "$old") - | wc -l)" -lt 2 ] || break
		sleep 0.2
	done
	kill -KILL $(pidof deployer); sleep 1'
said=$(status) && fail "the deployer was killed in the middle, and status finds nothing wrong: $said"
say "deployer killed in the middle: $said"
start
there systemctl reload-or-restart probefleet-workers
runs "the same reload again"

start
there systemctl restart probefleet-workers
runs "systemctl restart"
start
there systemctl stop probefleet-workers
[ "$(left)" = 0 ] || fail "containers after systemctl stop"
say "systemctl stop: after $(($(date +%s) - began)) s no container is left"
start
there systemctl start probefleet-workers
runs "systemctl start"

start
there systemctl poweroff 2>/dev/null || true
gone
say "systemctl poweroff: down after $(($(date +%s) - began)) s"
boot again
runs "booted again"
# What the host has not given to its disk is lost.
before=$(containers)
kill -s KILL -- "-$machine"
gone
boot power
runs "power cut"
[ "$(containers)" = "$before" ] || say "power cut: they are other containers than before"
say "done"
