#!/bin/sh
# A copy of the primary that follows it: made the first time, and gone on with from then on.
set -eu
if [ ! -s "$PGDATA/PG_VERSION" ]; then
    until PGPASSWORD="$STANDBY_PASSWORD" pg_basebackup --host=primary --username=standby --pgdata="$PGDATA" \
        --write-recovery-conf --slot=standby --wal-method=stream --checkpoint=fast; do
        rm -rf "${PGDATA:?}"
        sleep 2
    done
fi
# The name by which the primary waits for it.
exec postgres -c cluster_name=standby
