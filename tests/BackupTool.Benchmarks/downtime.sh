#!/usr/bin/env bash
# Measures the window of `backup now`: how long everything holds still, without the services' own stop and start times. A throw-away systemd runs four
# services (homeserver, bridge, maubot, a plain one), all of them writing, once with a small state and once with a large one; `now` runs in the modes
# `stop` and `freeze`: into a new repository, with nothing changed, with one percent changed. Prints one table; 1 when a limit does not hold. Needs root.
#
#   STATES="small large"  about 100 MB; about 11 GB in 17,000 files, of which the tables of the homeserver's database are holes
#   MODES="stop freeze"
#   ROUNDS=N              so often all of it, each time with a new repository (default 1)
#   DIR=DIR               keep the data there, or use what is there already (default: a new directory below /var/tmp, removed at the end)
#   BACKUP_BINARY=FILE    measure this binary instead of publishing one
#   STOP_LIMIT, FREEZE_LIMIT    milliseconds (default 300 and 150)
set -euo pipefail
export LC_ALL=C DOTNET_NOLOGO=1 DOTNET_CLI_TELEMETRY_OPTOUT=1
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$here/../.." && pwd)
source "$root/tests/require-packages.sh"
[ "$(id -u)" = 0 ] || { echo "a systemd of its own needs root" >&2; exit 1; }
require_packages systemd dbus iproute2 util-linux sqlite3 zip jq gcc zlib1g-dev

read -ra states <<<"${STATES:-small large}"
read -ra modes <<<"${MODES:-stop freeze}"
services=(homeserver bridge maubot plain)
work=${DIR:-$(mktemp -d /var/tmp/backup-downtime.XXXXXX)}
mkdir -p "$work"
work=$(realpath "$work")
name=downtime-$$ log=$work/log results=$work/results changes=0
systemd=$root/tests/run-systemd.sh

cleanup() {
    "$systemd" stop "$name"
    rm -rf "$work"/repository "$work"/state "$work"/units
    [ -n "${DIR:-}" ] || rm -rf "$work"
}
trap cleanup EXIT

say() { echo "$(date +%T) $*" >&2; }

# Runs what must not fail; what it says is shown when it does.
quietly() { "$@" >"$log" 2>&1 || { cat "$log" >&2; echo "failed: $*" >&2; exit 1; }; }

publish() {
    local rid=linux-x64
    [ "$(uname -m)" = x86_64 ] || rid=linux-arm64
    if [ -z "${BACKUP_BINARY:-}" ]; then
        say "publish the native binary"
        quietly dotnet publish "$root/src/BackupTool.Cli" -c Release -r "$rid" -o "$root/artifacts/backup"
    fi
    binary=$(realpath "${BACKUP_BINARY:-$root/artifacts/backup/backup}")
}

# ---- The state: so many table files of 64 MiB, media, megabytes in the bridge's database, small files.

table_bytes=$((64 << 20))

generate() {
    local data=$1 tables media bridge small
    case $2 in
        small) tables=1 media=100 bridge=20 small=50 ;;
        large) tables=160 media=12000 bridge=1000 small=5000 ;;
        *) echo "there is no state $2: small or large" >&2; exit 1 ;;
    esac
    [ ! -e "$data/whole" ] || return 0
    say "generate the $2 state"
    rm -rf "$data"
    mkdir -p "$data"
    make_homeserver "$data/homeserver" "$tables" "$media"
    make_bridge "$data/bridge" "$bridge"
    make_maubot "$data/maubot"
    make_plain "$data/plain" "$small"
    sync
    : >"$data/whole"
}

# Files that RocksDB would name so. `backup` stages them by their names and never opens the database itself.
make_homeserver() {
    local data=$1 i
    mkdir -p "$data/media"
    printf '[global]\nserver_name = "example.org"\ndatabase_path = "%s"\n' "$data" >"$data/continuwuity.toml"
    echo MANIFEST-000005 >"$data/CURRENT"
    echo 6b1f0b3e-0000-4000-8000-000000000000 >"$data/IDENTITY"
    head -c 300000 /dev/urandom >"$data/MANIFEST-000005"
    printf '[DBOptions]\n  wal_dir=%s\n' "$data" >"$data/OPTIONS-000007"
    head -c 16000000 /dev/urandom >"$data/000004.log"
    for ((i = 0; i < $2; i++)); do
        truncate -s "$table_bytes" "$data/$(printf '%06d.sst' $((i + 100)))"
        head -c 100000 /dev/urandom | dd of="$data/$(printf '%06d.sst' $((i + 100)))" conv=notrunc status=none
    done
    head -c $(($3 * 4000)) /dev/urandom | split -b 4000 -a 5 -d - "$data/media/QmVkaWEgaXRlbSB3aXRoIGEgaGFzaCBmb3IgYSBuYW1l"
}

# A bridge's database: as many megabytes in rows of about 1 KB.
make_bridge() {
    mkdir -p "$1"
    printf 'database:\n  type: sqlite3-fk-wal\n  uri: file:%s/bridge.db?_txlock=immediate\nappservice:\n  id: slack\n  address: http://127.0.0.1:29319\n  port: 29319\n' "$1" >"$1/config.yaml"
    printf 'id: slack\nurl: http://127.0.0.1:29319\n' >"$1/registration.yaml"
    make_database "$1/bridge.db" $(($2 * 900))
}

make_database() {
    sqlite3 "$1" "PRAGMA page_size=4096; PRAGMA journal_mode=OFF; PRAGMA synchronous=OFF;
        CREATE TABLE message(id INTEGER PRIMARY KEY, body BLOB);
        WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n WHERE x < $2) INSERT INTO message SELECT x, randomblob(1000) FROM n;
        PRAGMA journal_mode=WAL;" >/dev/null
}

make_maubot() {
    local data=$1 i
    mkdir -p "$data/plugins" "$data/trash"
    printf 'database: sqlite:///bot.db\ncrypto_database: default\nplugin_directories: { upload: ./plugins, load: [./plugins], trash: ./trash }\nplugin_databases: { sqlite: ./plugins }\n' >"$data/config.yaml"
    make_database "$data/bot.db" 2000
    for ((i = 0; i < 10; i++)); do
        make_database "$data/plugins/instance-$i.db" 200
        printf 'maubot: 0.5.0\nid: org.example.p%d\nversion: 1.0.%d\nlicense: MIT\nmodules: [bot]\nmain_class: Bot\n' $i $i >"$data/maubot.yaml"
        (cd "$data" && zip -q "plugins/org.example.p$i-v1.0.$i.mbp" maubot.yaml)
    done
    rm "$data/maubot.yaml"
}

make_plain() {
    local data=$1 i
    for ((i = 0; i < 50; i++)); do
        mkdir -p "$data/d$i"
        head -c $(($2 / 50 * 2000)) /dev/urandom | split -b 2000 -a 4 -d - "$data/d$i/file-"
    done
}

# One percent of the files, two tables, one percent of the bridge's rows, two of the bots. Its sidecars stay: a service may have it open.
change() {
    local data=$1 file i
    changes=$((changes + 1))
    find "$data/homeserver/media" "$data/plain" -type f | awk 'NR % 100 == 7' | while read -r file; do head -c 2500 /dev/urandom >"$file"; done
    for i in 1 2; do head -c 4000000 /dev/urandom >"$data/homeserver/$(printf '%06d.sst' $((10000 + changes * 2 + i)))"; done
    sqlite3 -cmd '.timeout 20000' "$data/bridge/bridge.db" "UPDATE message SET body = randomblob(1000) WHERE id % 100 = $((changes % 100))"
    for i in 3 7; do sqlite3 -cmd '.timeout 20000' "$data/maubot/plugins/instance-$i.db" "INSERT INTO message(body) VALUES(randomblob(1000))"; done
    sync
}

# ---- The services: each a writer of a few lines.

make_units() {
    local data=$1 units=$work/units
    rm -rf "$units"
    mkdir -p "$units"
    unit homeserver "" "while :; do head -c 1000 /dev/urandom >>$data/homeserver/000004.log; sleep 0.1; done"
    unit bridge homeserver "$(sqlite_writer "$data/bridge/bridge.db")"
    unit maubot homeserver "$(sqlite_writer "$data/maubot/bot.db")"
    unit plain "" "while :; do date >$data/plain/stamp; sleep 0.1; done"
}

sqlite_writer() { echo "while :; do echo 'INSERT INTO message(body) VALUES(randomblob(1000));'; sleep 0.1; done | sqlite3 -cmd '.timeout 20000' $1"; }

unit() {
    printf '%s\n' "$3" >"$units/$1.sh"
    printf '[Unit]\nAfter=%s\n[Service]\nExecStart=/bin/sh %s/%s.sh\n' "${2:+$2.service}" "$units" "$1" >"$units/$1.service"
}

configure() {
    local data=$1 mode=$2
    cat <<END
[repository]
path = "$work/repository"
[state]
path = "$work/state"
[service.homeserver]
kind = "continuwuity"
unit = "homeserver.service"
config = "$data/homeserver/continuwuity.toml"
quiesce = "$mode"
health = false
[service.bridge]
kind = "mautrix"
unit = "bridge.service"
data = "$data/bridge"
after = ["homeserver"]
quiesce = "$mode"
health = false
[service.maubot]
kind = "maubot"
unit = "maubot.service"
data = "$data/maubot"
after = ["homeserver"]
quiesce = "$mode"
health = false
[service.plain]
kind = "files"
unit = "plain.service"
data = "$data/plain"
quiesce = "$mode"
health = false
END
}

# ---- Measuring

inside() { "$systemd" exec "$name" "$@"; }

# One `now`: adds a line of state, mode, run, window and the downtime of each service in milliseconds.
measure() {
    local state=$1 mode=$2 run=$3 status=0
    sync
    inside "$binary" --config "$work/backup.toml" now --json >"$work/now.json" 2>"$log" || status=$?
    # 3: with warnings, which are not what is measured here; but a service that moved in the window is.
    if [ "$status" != 0 ] && [ "$status" != 3 ]; then
        cat "$work/now.json" "$log" >&2
        echo "backup now ended with $status" >&2
        exit 1
    fi
    jq -r --arg about "$state $mode $run" --argjson services "$(printf '%s\n' "${services[@]}" | jq -R . | jq -sc .)" \
        '[$about, .windowSeconds * 1000, ([.quiesced[] | {(.name): ((.downtimeSeconds // -0.001) * 1000)}] | add)[$services[]], ([.quiesced[].copy] | unique | join(","))] | map(if type == "number" then round else . end) | join(" ")' \
        "$work/now.json" | tee -a "$results" >&2
}

measure_state() {
    local state=$1 mode data=$work/data/$1
    generate "$data" "$state"
    make_units "$data"
    "$systemd" start "$name" --owner $$ --bind "$work" --units "$work/units" >&2
    for mode in "${modes[@]}"; do
        rm -rf "$work/repository"
        configure "$data" "$mode" >"$work/backup.toml"
        quietly inside "$binary" --config "$work/backup.toml" init
        quietly inside systemctl start "${services[@]}"
        sleep 1
        measure "$state" "$mode" first
        measure "$state" "$mode" unchanged
        change "$data"
        measure "$state" "$mode" changed
        quietly inside systemctl stop "${services[@]}"
    done
    "$systemd" stop "$name"
}

report() {
    awk -v stop="${STOP_LIMIT:-300}" -v freeze="${FREEZE_LIMIT:-150}" -v services="${services[*]}" '
        BEGIN {
            split(services, names, " ")
            printf "%-6s %-7s %-10s %9s %6s  %-8s", "state", "mode", "run", "window ms", "limit", "holds"
            for (i = 1; i in names; i++) printf " %11s", names[i]
            print "   copy"
        }
        {
            limit = $2 == "stop" ? stop : freeze
            if ($4 > limit) missed++
            printf "%-6s %-7s %-10s %9d %6d  %-8s", $1, $2, $3, $4, limit, ($4 > limit ? "NO" : "yes")
            for (i = 1; i in names; i++) printf " %11d", $(4 + i)
            print "   " $NF
        }
        END {
            print "\nwindow: from the last stop or freeze to the first start or thaw. Below a service: its own downtime in ms, to healthy."
            if (missed) print missed " of " NR " windows are longer than their limit."
            exit missed > 0
        }' "$results"
}

publish
: >"$results"
for ((round = 1; round <= ${ROUNDS:-1}; round++)); do
    for state in "${states[@]}"; do measure_state "$state"; done
done
report
