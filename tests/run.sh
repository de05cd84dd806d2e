#!/usr/bin/env bash
# Builds everything, publishes the native binary and runs every test. Needs a Debian machine with git and the .NET 10 SDK: what else
# is missing is installed when run as root, and named otherwise. The last line is `N passed, N failed`; anything but success exits 1.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
source tests/require-packages.sh

# libc6-dev is what gcc links against (only recommended by it); the rest are the standard tools that restores are proven with.
packages=(gcc libc6-dev zlib1g-dev zstd tar xz-utils bzip2 zip p7zip-full attr acl e2fsprogs strace sqlite3 dash mawk gawk busybox mount util-linux
    systemd dbus iproute2 python3 postgresql postgresql-client nix-bin tzdata)
passed=0 failed=0 skipped=0 finished=no
reports=artifacts/tests

export DOTNET_NOLOGO=1 DOTNET_CLI_TELEMETRY_OPTOUT=1 DOTNET_CLI_UI_LANGUAGE=en MSBUILDDISABLENODEREUSE=1 MSBUILDTERMINALLOGGER=off

summarise() {
    # Died before the tests were through: that is a failure of its own.
    [ "$finished" = yes ] || failed=$((failed + 1))
    if [ "$skipped" -gt 0 ]; then
        echo "$passed passed, $failed failed, $skipped skipped"
    else
        echo "$passed passed, $failed failed"
    fi
}
trap summarise EXIT

# Runs a command; shows what it said only when it failed, or when dotnet warned.
quietly() {
    local log status=0
    log=$(mktemp)
    "$@" >"$log" 2>&1 || status=$?
    if [ "$status" = 0 ] && [ "$1" = dotnet ] && grep -v " 0 Warning(s)" "$log" | grep -i warning >/dev/null; then status=1; fi
    if [ "$status" != 0 ]; then
        cat "$log" >&2
        echo "failed or warned: $*" >&2
    fi
    rm -f "$log"
    return "$status"
}

publish() {
    local rid
    case "$(uname -m)" in
        x86_64) rid=linux-x64 ;;
        aarch64) rid=linux-arm64 ;;
        *) echo "no native binary is built for $(uname -m)" >&2; exit 1 ;;
    esac
    quietly dotnet publish src/BackupTool.Cli -c Release -r "$rid" --no-restore -o artifacts/backup -v minimal
}

# The attribute of the report's <assembly> element, a number.
count() { sed -n "/<assembly /{s/.*<assembly [^>]* $2=\"\([0-9]*\)\".*/\1/p;q}" "$1"; }

run_tests() {
    local name=$1 report=$PWD/$reports/$1.xml status=0
    echo "== $name"
    # A caller's background job ignores SIGINT, and nohup SIGHUP, and so would every program that the tests interrupt.
    env --default-signal=INT,QUIT,HUP,TERM dotnet "tests/$name/bin/Release/net10.0/$name.dll" -noLogo -noColor -noAutoReporters -result-xml "$report" || status=$?
    if [ ! -s "$report" ]; then
        echo "$name ended with $status and wrote no report" >&2
        failed=$((failed + 1))
        return
    fi
    local failures
    failures=$(($(count "$report" failed) + $(count "$report" errors)))
    passed=$((passed + $(count "$report" passed)))
    failed=$((failed + failures))
    skipped=$((skipped + $(count "$report" skipped)))
    # A runner that fails without a failed test must not pass for green; without any test it is only early.
    if [ "$status" != 0 ] && [ "$failures" = 0 ] && [ "$(count "$report" total)" != 0 ]; then
        echo "$name ended with $status" >&2
        failed=$((failed + 1))
    fi
}

command -v dotnet >/dev/null || { echo "The .NET 10 SDK is missing: install it first." >&2; exit 1; }
require_packages "${packages[@]}"
rm -rf artifacts/backup "$reports"
mkdir -p "$reports"
echo "== restore"
# Another patch of the SDK brings its own compiler package: it may update the lock files.
quietly dotnet restore BackupTool.sln -p:RestoreLockedMode=false
echo "== build"
quietly dotnet build BackupTool.sln -c Release --no-restore -v minimal
echo "== publish"
publish
export BACKUP_BINARY=$PWD/artifacts/backup/backup
run_tests BackupTool.Tests
run_tests BackupTool.EndToEnd
finished=yes
[ "$failed" = 0 ]
