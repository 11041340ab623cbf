#!/bin/sh
# Prepares a host for worker containers, with files that the control image
# brings, and starts them. Run again it brings the host to another release; its
# own files in /etc/probefleet stay as they are.
#
#	sudo ./install.sh CONTROL_IMAGE WORKER_IMAGE
set -eu
[ $# -eq 2 ] || { echo "name both images: $0 CONTROL_IMAGE WORKER_IMAGE" >&2; exit 2; }
[ "$(id -u)" = 0 ] || { echo "run this as root: sudo $0 $*" >&2; exit 1; }
here=$(cd "$(dirname "$0")" && pwd)

docker image inspect "$1" >/dev/null 2>&1 || docker pull "$1"
container=$(docker create "$1")
trap 'docker rm -f "$container" >/dev/null' EXIT
install -d -m 755 /etc/probefleet
# Beside the old one, then in its place: a deploy that runs keeps its program.
docker cp "$container:/usr/local/bin/deployer" /usr/local/bin/deployer.new
chmod 755 /usr/local/bin/deployer.new
mv /usr/local/bin/deployer.new /usr/local/bin/deployer
docker cp "$container:/usr/share/probefleet/seccomp.json" /etc/probefleet/seccomp.json

for file in instance.json worker.env; do
	[ -e "/etc/probefleet/$file" ] || install -m 600 "$here/$file" "/etc/probefleet/$file"
done
(umask 077; printf 'PROBEFLEET_IMAGE=%s\n' "$2" >/etc/probefleet/instance.env.new)
mv /etc/probefleet/instance.env.new /etc/probefleet/instance.env
install -m 644 "$here/probefleet-workers.service" /etc/systemd/system/probefleet-workers.service
systemctl daemon-reload
systemctl enable probefleet-workers.service
# Starts what does not run, and rolls what runs forward.
systemctl reload-or-restart probefleet-workers.service
