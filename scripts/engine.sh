#!/bin/sh
# Runs a command with a Docker engine. One that answers is used as it is; where
# none does, and we are root on Linux, an engine is started for the command and
# ended after it, with everything that it started. Where none can be had, one
# line says so and the command runs without; the same of a compose command, by
# which deploy/compose is tried. With -install Debian's packages of both are
# installed first where they are missing.
#
#	scripts/engine.sh [-install] make test
set -u

say() { printf 'engine: %s\n' "$*" >&2; }
install=""
if [ "${1:-}" = -install ]; then install=yes; shift; fi
[ $# -gt 0 ] || { say "name a command: $0 [-install] make test"; exit 2; }

answers() { timeout 10 docker version --format '{{.Server.Version}}' >/dev/null 2>&1; }

# get installs packages of Debian.
get() {
	say "installing $* (apt-get)"
	{ apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@"; } >/dev/null 2>&1
}

composes() { docker compose version >/dev/null 2>&1 || docker-compose version >/dev/null 2>&1; }

# compose sees to a compose command, or says that there is none.
compose() {
	if composes; then return; fi
	lack="none is installed (apt-get install docker-compose)"
	if [ -n "$install" ]; then
		if [ "$(id -u)" != 0 ]; then lack="none is installed, and only root can install one"
		elif ! command -v apt-get >/dev/null 2>&1; then lack="none is installed; it comes with Docker"
		elif get docker-compose && composes; then return
		else lack="apt-get could not install docker-compose"; fi
	fi
	say "no compose command, so the test of deploy/compose does not run: $lack"
}

if command -v docker >/dev/null 2>&1 && answers; then
	compose
	exec "$@"
fi
why=""
if [ -n "${DOCKER_HOST:-}" ]; then why="DOCKER_HOST is $DOCKER_HOST, and nobody answers there"
elif [ "$(uname -s)" != Linux ]; then why="start Docker"
elif [ "$(id -u)" != 0 ]; then why="none answers, and only root can start one"
elif ! command -v dockerd >/dev/null 2>&1 || ! command -v docker >/dev/null 2>&1; then
	if [ -n "$install" ] && command -v apt-get >/dev/null 2>&1; then
		get docker.io iptables || why="apt-get could not install docker.io"
	else
		why="none is installed (apt-get install docker.io)"
	fi
fi
if [ -n "$why" ]; then
	say "no Docker engine, so the tests of the images do not run: $why"
	exec "$@"
fi

log=$(mktemp)
# alive tells a process that runs from one that has ended and was not yet asked.
alive() { [ -d "/proc/$1" ] && ! grep -q '^State:.*Z' "/proc/$1/status" 2>/dev/null; }
end() {
	trap - EXIT
	kill "$daemon" 2>/dev/null
	waited=0
	# It ends what it runs; after a minute it is made to.
	while alive "$daemon" && [ "$waited" -lt 60 ]; do
		sleep 1
		waited=$((waited + 1))
	done
	kill -KILL "$daemon" 2>/dev/null
	wait "$daemon" 2>/dev/null
	rm -f "$log"
}

dockerd >"$log" 2>&1 &
daemon=$!
trap end EXIT
trap 'exit 130' INT TERM
waited=0
until answers; do
	waited=$((waited + 1))
	if [ "$waited" -gt 60 ] || ! alive "$daemon"; then
		say "no Docker engine, so the tests of the images do not run: dockerd did not start: $(grep -E 'level=(error|fatal)|failed' "$log" | tail -n 1)"
		end
		exec "$@"
	fi
	sleep 1
done
say "started one for this command"
compose
"$@"
exit $?
