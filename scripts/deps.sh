#!/bin/sh
# Finds a Chromium and the Postgres server programs; installs what is missing
# where it can, else says which command does. What is set in
# PROBEFLEET_CHROMIUM or DATABASE_URL is used instead and not installed.
set -eu

account=probefleet
say() { printf 'deps: %s\n' "$*"; }
have() { command -v "$1" >/dev/null 2>&1; }
fail() { printf 'deps: %s\n' "$*" >&2; exit 1; }

find_browser() {
	if [ -n "${PROBEFLEET_CHROMIUM:-}" ]; then
		[ -x "$PROBEFLEET_CHROMIUM" ] || fail "PROBEFLEET_CHROMIUM is $PROBEFLEET_CHROMIUM, which is no program: correct it or unset it"
		echo "$PROBEFLEET_CHROMIUM"
		return
	fi
	for name in chromium-headless-shell chromium chromium-browser google-chrome google-chrome-stable; do
		if have "$name"; then command -v "$name"; return; fi
	done
	for path in "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome" \
		"/Applications/Chromium.app/Contents/MacOS/Chromium"; do
		if [ -x "$path" ]; then echo "$path"; return; fi
	done
}

find_server() {
	if have pg_config && [ -x "$(pg_config --bindir)/initdb" ] && [ -x "$(pg_config --bindir)/postgres" ]; then
		pg_config --bindir
		return
	fi
	for dir in /usr/lib/postgresql/*/bin /usr/pgsql-*/bin /opt/homebrew/opt/postgresql*/bin /usr/local/opt/postgresql*/bin; do
		if [ -x "$dir/initdb" ] && [ -x "$dir/postgres" ]; then echo "$dir"; return; fi
	done
	if have initdb && have postgres; then dirname "$(command -v initdb)"; fi
}

# as_root runs a command as root, by sudo where we are not.
as_root() {
	if [ "$(id -u)" = 0 ]; then "$@"; else sudo "$@"; fi
}

install_debian() {
	if [ "$(id -u)" != 0 ] && ! have sudo; then
		fail "missing: $*. Neither root nor sudo: ask an administrator to run 'apt-get install --no-install-recommends $*', then try again"
	fi
	say "installing $* (apt-get)"
	export DEBIAN_FRONTEND=noninteractive
	# The database is started by probefleet itself, from its own folder:
	# without this file the package would start a server of its own as well.
	case " $* " in *" postgresql "*)
		if [ ! -e /etc/postgresql-common/createcluster.conf ]; then
			say "telling postgresql-common not to start a server of its own (/etc/postgresql-common/createcluster.conf)"
			as_root mkdir -p /etc/postgresql-common
			echo 'create_main_cluster = false' | as_root tee /etc/postgresql-common/createcluster.conf >/dev/null
		fi ;;
	esac
	as_root apt-get update -qq || fail "apt-get update did not succeed: see above, then try again"
	as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends \
		-o Dpkg::Options::=--force-confold "$@" >/dev/null ||
		fail "apt-get could not install $*: run 'apt-get install --no-install-recommends $*' to see why"
}

missing=""
browser=$(find_browser)
[ -n "$browser" ] || missing="chromium"
server=$(find_server)
[ -n "$server" ] || [ -n "${DATABASE_URL:-}" ] || missing="$missing postgresql"
# As root the tests make network namespaces, which takes ip.
if [ "$(id -u)" = 0 ] && [ "$(uname -s)" = Linux ] && ! have ip && [ ! -x /usr/sbin/ip ]; then
	missing="$missing iproute2"
fi

if [ -n "$missing" ]; then
	if have apt-get; then
		packages=""
		for m in $missing; do
			# The headless build is lighter and twice as fast; not every
			# release of Debian and Ubuntu has it.
			if [ "$m" = chromium ]; then
				if ! apt-cache show chromium-headless-shell >/dev/null 2>&1; then
					as_root apt-get update -qq 2>/dev/null || true
				fi
				if apt-cache show chromium-headless-shell >/dev/null 2>&1; then m=chromium-headless-shell; fi
			fi
			packages="$packages $m"
		done
		# shellcheck disable=SC2086
		install_debian $packages
	elif have brew; then
		fail "missing:$(printf ' %s' $missing). Run: brew install $(echo "$missing" | sed 's/chromium/--cask chromium/; s/postgresql/postgresql@17/')"
	else
		fail "missing:$(printf ' %s' $missing). Install Chromium or Chrome, and the PostgreSQL server (15 or newer), with this system's package manager; or set PROBEFLEET_CHROMIUM and DATABASE_URL"
	fi
	browser=$(find_browser)
	server=$(find_server)
	[ -n "$browser" ] || fail "no Chromium was found after the installation: set PROBEFLEET_CHROMIUM to the path of one"
fi

# Root must not run a browser or a database: they get an account of their own.
if [ "$(id -u)" = 0 ] && ! id "$account" >/dev/null 2>&1; then
	say "creating the account $account, under which the browser and the database run"
	useradd --system --create-home --shell /usr/sbin/nologin "$account"
fi

say "browser:  $browser"
if [ -n "${DATABASE_URL:-}" ]; then
	say "database: as DATABASE_URL says"
else
	say "database: $server"
fi
