#!/usr/bin/env bash
# Measures backup against restic, borg and tar on one generated data set, in one run: first backup, unchanged data, one percent changed
# (with the bytes stored), verification of all data, restore, peak memory. Prints one table, the ratios to restic, and the aims.
#
#   SIZE=L|S|tiny        the data set (default L, 3.9 GB)
#   DATA=DIR             reuse this generated data set, or keep it there (it is changed by one percent a run)
#   WORK=DIR             where repositories and restored trees go (default: a new directory below /var/tmp, removed at the end)
#   RUNS=N               every figure is the median of N runs (default 3)
#   TOOLS="ours restic borg tar"
#   BACKUP_BINARY=FILE   measure this binary instead of publishing one
#
# Fair play: the page cache is warm for all (data or repository is read once before every step), repositories are made anew for every run,
# the disk is synced between steps. restic always encrypts; the others do not here. tar keeps no history: it stores everything each time.
set -euo pipefail
export LC_ALL=C DOTNET_NOLOGO=1 DOTNET_CLI_TELEMETRY_OPTOUT=1
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$here/../.." && pwd)
source "$root/tests/require-packages.sh"

size=${SIZE:-L} runs=${RUNS:-3}
read -ra tools <<<"${TOOLS:-ours restic borg tar}"
require_packages restic borgbackup zstd time sqlite3 gcc zlib1g-dev

work=${WORK:-$(mktemp -d /var/tmp/backup-compare.XXXXXX)}
mkdir -p "$work"
work=$(realpath "$work")
results=$work/results log=$work/log
cleanup() { [ -n "${WORK:-}" ] || rm -rf "$work"; }
trap cleanup EXIT
: >"$results"

data=$(realpath -m "${DATA:-$work/data}")
mutations=$data.mutations

export RESTIC_PASSWORD=compare RESTIC_REPOSITORY=$work/restic RESTIC_CACHE_DIR=$work/restic-cache
export BORG_REPO=$work/borg BORG_BASE_DIR=$work/borg-home
export BORG_UNKNOWN_UNENCRYPTED_REPO_ACCESS_IS_OK=yes BORG_RELOCATED_REPO_ACCESS_IS_OK=yes
config=$work/backup.toml target=$work/restored

uses() { [[ " ${tools[*]} " == *" $1 "* ]]; }

say() { echo "$(date +%T) $*" >&2; }

prepare() {
    dotnet build "$here" -c Release -v quiet >"$log" 2>&1 || { cat "$log" >&2; exit 1; }
    generator=$here/bin/Release/net10.0/BackupTool.Benchmarks.dll
    if uses ours; then
        if [ -z "${BACKUP_BINARY:-}" ]; then
            say "publish the native binary"
            local rid=linux-x64
            [ "$(uname -m)" = x86_64 ] || rid=linux-arm64
            dotnet publish "$root/src/BackupTool.Cli" -c Release -r "$rid" -o "$root/artifacts/backup" >"$log" 2>&1 ||
                { cat "$log" >&2; exit 1; }
        fi
        binary=$(realpath "${BACKUP_BINARY:-$root/artifacts/backup/backup}")
        printf '[repository]\npath = "%s"\n\n[service.data]\nkind = "files"\ndata = "%s"\n' "$work/ours" "$data" >"$config"
    fi
    if [ ! -d "$data" ]; then
        say "generate $size"
        dotnet "$generator" generate "$data" --size "$size" --seed 1
        echo 0 >"$mutations"
    fi
}

# Fills the array `command` with what a tool runs for a step.
command_of() {
    case "$1 $2" in
        "ours init") command=("$binary" --config "$config" init) ;;
        "ours first" | "ours unchanged" | "ours changed") command=("$binary" --config "$config" now) ;;
        "ours verify") command=("$binary" --config "$config" verify --level data) ;;
        "ours restore") command=("$binary" --config "$config" restore latest --target "$target") ;;
        "restic init") command=(restic init) ;;
        "restic first" | "restic unchanged" | "restic changed") command=(restic backup --quiet --compression auto "$data") ;;
        "restic verify") command=(restic check --read-data) ;;
        "restic restore") command=(restic restore latest --target "$target") ;;
        "borg init") command=(borg init --encryption none) ;;
        "borg first" | "borg unchanged" | "borg changed") command=(borg create --compression zstd,3 "::{now:%s.%f}" "$data") ;;
        "borg verify") command=(borg check --verify-data) ;;
        "borg restore") command=(sh -c "mkdir -p '$target' && cd '$target' && borg extract ::\$(borg list --last 1 --short)") ;;
        "tar init") command=(mkdir "$work/tar") ;;
        "tar first" | "tar unchanged" | "tar changed")
            command=(sh -c "tar -C / -cf - '${data#/}' | zstd -q -3 -T2 -f -o '$work/tar/data-$2.tar.zst'") ;;
        "tar verify") command=(zstd -q -t "$work/tar/data-first.tar.zst") ;;
        "tar restore") command=(sh -c "mkdir -p '$target' && zstd -q -dc '$work/tar/data-first.tar.zst' | tar -C '$target' -xf -") ;;
        *) echo "no command for $1 $2" >&2; exit 1 ;;
    esac
}

warm() { find "$1" -type f -exec cat {} + >/dev/null; }

bytes_in() { du -sb "$1" | cut -f 1; }

# Runs one step of one tool and adds a line to the results: tool, step, milliseconds, peak KiB, bytes that the repository grew by.
measure() {
    local tool=$1 step=$2 before after start end command
    command_of "$tool" "$step"
    case "$step" in verify | restore) warm "$work/$tool" ;; *) warm "$data" ;; esac
    sync
    before=$(bytes_in "$work/$tool")
    start=${EPOCHREALTIME/./}
    if ! /usr/bin/time -f %M -o "$work/rss" "${command[@]}" >"$log" 2>&1; then
        cat "$log" "$work/rss" >&2
        echo "failed: ${command[*]}" >&2
        exit 1
    fi
    end=${EPOCHREALTIME/./}
    after=$(bytes_in "$work/$tool")
    echo "$tool $step $(((end - start) / 1000)) $(tail -n 1 "$work/rss") $((after - before))" >>"$results"
}

start_anew() {
    local command
    rm -rf "${work:?}/$1" "$work/$1-cache" "$work/$1-home"
    command_of "$1" init
    "${command[@]}" >"$log" 2>&1 || { cat "$log" >&2; exit 1; }
}

# Everything is byte-equal, except that a database is restored out of WAL mode: that is in its first 100 bytes.
compare_restored() {
    local database=sqlite/homeserver.db
    diff -r --no-dereference --exclude "${database##*/}" "$data" "$target$data" &&
        cmp --ignore-initial=100 "$data/$database" "$target$data/$database" &&
        [ "$(sqlite3 "$target$data/$database" 'PRAGMA quick_check')" = ok ] ||
        { echo "what was restored differs" >&2; exit 1; }
    say "the restored tree is identical"
}

run_all() {
    local run tool count
    for ((run = 1; run <= runs; run++)); do
        for tool in "${tools[@]}"; do
            say "run $run of $runs: $tool"
            start_anew "$tool"
            measure "$tool" first
            [ "$tool" = tar ] || measure "$tool" unchanged
            measure "$tool" verify
            rm -rf "$target"
            measure "$tool" restore
            [ "$tool $run" != "ours 1" ] || compare_restored
            rm -rf "$target"
        done
    done
    for ((run = 1; run <= runs; run++)); do
        count=$(($(cat "$mutations" 2>/dev/null || echo 0) + 1))
        dotnet "$generator" mutate "$data" --seed "$count"
        echo "$count" >"$mutations"
        for tool in "${tools[@]}"; do
            say "one percent changed, $run of $runs: $tool"
            measure "$tool" changed
            [ "$tool" != tar ] || rm -f "$work/tar/data-changed.tar.zst"
        done
    done
}

# The median start of `--version`, in milliseconds with two decimals: fork and exec by the shell are in it.
start_time() {
    local i start end
    for ((i = 0; i < 21; i++)); do
        start=${EPOCHREALTIME/./}
        "$@" >/dev/null
        end=${EPOCHREALTIME/./}
        echo $((end - start))
    done | sort -n | sed -n 11p | awk '{ printf "%.2f", $1 / 1000 }'
}

report() {
    local start_ours=- start_restic=-
    ! uses ours || start_ours=$(start_time "$binary" --version)
    ! uses restic || start_restic=$(start_time restic version)
    echo
    echo "$size: $(find "$data" -type f | wc -l) files, $(bytes_in "$data" | awk '{ printf "%.2f GB", $1 / 1e9 }'); median of $runs; seconds unless said otherwise"
    ! uses restic || echo "$(restic version | cut -d ' ' -f 1,2) (always encrypts)"
    ! uses borg || echo "$(borg --version), zstd,3, no encryption"
    echo
    awk -v tools="${tools[*]}" -v start_ours="$start_ours" -v start_restic="$start_restic" -f "$here/report.awk" "$results"
}

prepare
run_all
report
