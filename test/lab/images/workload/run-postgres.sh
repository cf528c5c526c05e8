#!/bin/sh
# Runs PostgreSQL as the container's main process on /data, which is initialised the first time.
set -e
bin=$(echo /usr/lib/postgresql/*/bin)
install -d -o postgres -g postgres -m 700 /data/pg
if [ ! -f /data/pg/PG_VERSION ]; then
  setpriv --reuid postgres --regid postgres --clear-groups "$bin/initdb" -D /data/pg --auth trust --data-checksums
  echo "host all all 0.0.0.0/0 trust" >> /data/pg/pg_hba.conf
fi
exec setpriv --reuid postgres --regid postgres --clear-groups "$bin/postgres" -D /data/pg -c listen_addresses='*' -c shared_buffers=128MB
