#!/bin/sh
# Runs once, when the primary has made its cluster: lets the standby copy it, and has commits wait for the standby.
set -eu
psql --set=ON_ERROR_STOP=1 --set=password="$STANDBY_PASSWORD" --username="$POSTGRES_USER" --dbname="$POSTGRES_DB" <<'SQL'
CREATE ROLE standby REPLICATION LOGIN PASSWORD :'password';
SELECT pg_create_physical_replication_slot('standby');
ALTER SYSTEM SET synchronous_standby_names = 'standby';
SQL
echo 'host replication standby samenet scram-sha-256' >>"$PGDATA/pg_hba.conf"
