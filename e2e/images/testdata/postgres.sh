#!/bin/sh
# Makes a database where there is none, and becomes its server.
set -eu
if [ ! -s "$PGDATA/PG_VERSION" ]; then
	user=${POSTGRES_USER:-postgres}
	database=${POSTGRES_DB:-$user}
	(umask 077; printf '%s\n' "$POSTGRES_PASSWORD" >/tmp/password)
	initdb --pgdata "$PGDATA" --username "$user" --pwfile /tmp/password --auth scram-sha-256 --no-sync >/dev/null
	rm /tmp/password
	if [ "$database" != postgres ]; then
		printf 'CREATE DATABASE "%s"\n' "$database" | postgres --single postgres >/dev/null
	fi
	echo 'host all all all scram-sha-256' >>"$PGDATA/pg_hba.conf"
fi
exec "$@" -c 'listen_addresses=*'
