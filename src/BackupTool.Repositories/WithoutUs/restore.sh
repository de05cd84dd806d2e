#!/bin/sh
# Restores from this repository with standard tools only: sh, awk, zstd, sha256sum, tail, head.
#
#   sh restore.sh                            list the snapshots
#   sh restore.sh SNAPSHOT                   list the services of a snapshot (a prefix of its id, or: latest)
#   sh restore.sh SNAPSHOT SERVICE | tar x   restore a service into the current directory
#
# As root, with everything that the archive holds:
#   sh restore.sh latest maubot | tar -x -p --numeric-owner --xattrs --xattrs-include='*' -C /some/empty/directory
#
# Every pack that is needed is checked with sha256sum first; nothing is written when one is damaged.
set -eu
export LC_ALL=C
repository=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)

fail() { printf 'restore.sh: %s\n' "$*" >&2; exit 1; }
for tool in awk zstd sha256sum tail head; do
    command -v "$tool" >/dev/null 2>&1 || fail "needs $tool: install it"
done
cd "$repository"
[ -f repository.json ] || fail "$repository is not a repository: it has no repository.json"

# time, id, labels (- for none) and services of each snapshot, oldest first
snapshots() {
    for file in snapshots/*.json; do
        [ -f "$file" ] || continue
        awk -v file="$file" '
            /^  "time": "/ { split($0, part, "\""); time = part[4] }
            /^  "labels": \[$/ { labels = 1 }
            /^  "services": \[$/ { services = 1 }
            /^  \]/ { services = labels = 0 }
            labels && /^    "/ { split($0, part, "\""); gsub(/ /, "_", part[2]); named = named "," part[2] }
            services && /^      "name": "/ { split($0, part, "\""); names = names " " part[4] }
            END { sub(/^snapshots\//, "", file); sub(/\.json$/, "", file); print time, file, (named == "" ? "-" : substr(named, 2)) names }' "$file"
    done | sort
}

if [ $# -eq 0 ]; then
    snapshots | while read -r time id labels services; do
        [ "$labels" = - ] && labels= || labels="  ($labels)"
        printf '%.12s  %s  %s%s\n' "$id" "$time" "$services" "$labels"
    done
    exit 0
fi

if [ "$1" = latest ]; then
    # As everywhere, latest is none that a restore or wipe made of what it replaced.
    id=$(snapshots | awk '("," $3 ",") !~ /,pre-(restore|wipe),/ { id = $2 } END { print id }')
    [ -n "$id" ] || fail "there are no snapshots, or none but those of replaced states: run 'sh restore.sh' for the list"
else
    case $1 in *[!0-9a-f]*|'') fail "'$1' is not a snapshot id: run 'sh restore.sh' for the list" ;; esac
    set -- "$1" ${2+"$2"} -- snapshots/"$1"*.json
    asked=$1; service=${2-}
    [ "$service" != -- ] || service=
    while [ "$1" != -- ]; do shift; done
    shift
    [ -f "$1" ] || fail "there is no snapshot $asked: run 'sh restore.sh' for the list"
    [ $# -eq 1 ] || fail "$asked stands for $# snapshots: give more digits"
    id=${1#snapshots/}; id=${id%.json}
    set -- "$asked" ${service:+"$service"}
fi
snapshot=snapshots/$id.json
[ "$(sha256sum < "$snapshot" | awk '{ print $1 }')" = "$id" ] || fail "$snapshot is damaged: its SHA-256 is not its name"

services=$(awk '
    /^  "services": \[$/ { inside = 1 }
    /^  \]/ { inside = 0 }
    inside && /^      "name": "/ { split($0, part, "\""); print part[4] }' "$snapshot")
if [ $# -eq 1 ]; then
    printf '%s\n' "$services"
    exit 0
fi
printf '%s\n' "$services" | grep -qxF -- "$2" || fail "snapshot $id has no service '$2'; it has:" $services
[ ! -t 1 ] || fail "this writes a tar archive: add '| tar x', or '> file.tar'"

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 1' HUP INT TERM

# chunk, pack, offset, length, size
for file in index/*.tsv.zst; do
    [ -f "$file" ] || fail "there is no index: run 'backup repair index'"
    name=${file#index/}
    [ "$(sha256sum < "$file" | awk '{ print $1 }')" = "${name%.tsv.zst}" ] || fail "$file is damaged: its SHA-256 is not its name"
    zstd -dcq "$file"
done > "$work/index"

# From chunk ids on standard input: pack, offset and length of the runs of frames to read, in order.
locate() {
    awk '
        NR == FNR { pack[$1] = $2; offset[$1] = $3; size[$1] = $4; next }
        !($1 in pack) { print "restore.sh: chunk " $1 " is in no pack: the repository is damaged" > "/dev/stderr"; exit 1 }
        pack[$1] == p && offset[$1] == o + l { l += size[$1]; next }
        { if (p != "") print p, o, l; p = pack[$1]; o = offset[$1]; l = size[$1] }
        END { if (p != "") printf "%s %.0f %.0f\n", p, o, l }' CONVFMT=%.0f OFMT=%.0f "$work/index" -
}

check() {
    awk '!seen[$1]++ { print $1 }' "$1" | while read -r pack; do
        [ -f "$work/checked.$pack" ] && continue
        file=packs/$(printf %.2s "$pack")/$pack.zst
        [ -f "$file" ] || fail "$file is missing"
        [ "$(sha256sum < "$file" | awk '{ print $1 }')" = "$pack" ] || fail "$file is damaged: its SHA-256 is not its name"
        : > "$work/checked.$pack"
    done
}

frames() {
    while read -r pack offset length; do
        tail -c "+$((offset + 1))" "packs/$(printf %.2s "$pack")/$pack.zst" 2>/dev/null | head -c "$length"
    done < "$1"
}

# The chunk list of the service's archive is itself stored as chunks.
awk -v service="$2" '
    /^      "name": "/ { split($0, part, "\""); mine = part[4] == service }
    mine && /^ *"chunkList": \[$/ { inside = 1; next }
    inside && /\]/ { exit }
    inside { gsub(/[^0-9a-f]/, ""); print }' "$snapshot" > "$work/list-chunks"
locate < "$work/list-chunks" > "$work/list-runs"
check "$work/list-runs"
frames "$work/list-runs" | zstd -dcq > "$work/list"
locate < "$work/list" > "$work/runs"
check "$work/runs"
frames "$work/runs" | zstd -dcq
