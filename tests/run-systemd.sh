#!/usr/bin/env bash
# Boots a real, throw-away systemd (this machine's own binaries) in private namespaces, in about 0.3 s, where PID 1 need not be systemd.
# Needs root and the Debian packages systemd, dbus, iproute2 and util-linux.
#
#   run-systemd.sh start NAME [--net private|host] [--bind SRC[:DST]]... [--bind-ro SRC[:DST]]... [--units DIR]...
#                             [--unit TARGET] [--timeout SECONDS] [--size SIZE] [--owner PID] [--root DIR]
#   run-systemd.sh exec  NAME COMMAND [ARGUMENT...]     runs it inside, as root; it dies with its caller; its status is ours
#   run-systemd.sh pid   NAME                           the inner PID 1 as seen from outside
#   run-systemd.sh stop  NAME                           powers it off, kills what is left after 10 s, cleans up
#   run-systemd.sh run   NAME [OPTION...] -- COMMAND [ARGUMENT...]      start, exec, stop; the status is the command's
#
# --owner: it stops by itself when that process (the test runner) is gone. Names are free, so many can run side by side.
# Inside, / is an overlay over this machine's (or over --root); /run, /tmp, /var and /etc/systemd/system are fresh and empty. Only
# $SYSTEMD_TEST_STATE/NAME and one cgroup directory are written outside. 125 is our own failure.
#
# Traps: `exec` stays in its caller's cgroup (`systemd-run --pipe --wait` makes a true unit). The clock is real. Limits of memory, tasks and
# CPU hold only where those controllers are on cgroup v2. What is killed may stay a zombie for a second: look at its state, not at `kill -0`.
set -euo pipefail
state_root=${SYSTEMD_TEST_STATE:-/run/systemd-tests}
self=$(readlink -f "${BASH_SOURCE[0]}")
export PATH=/usr/sbin:/usr/bin:/sbin:/bin

die() {
    echo "run-systemd: $*" >&2
    exit 125
}

# ---- Inside: what becomes PID 1. The supervisor stays in the cgroup sdtest-NAME; PID 1 has sdtest-NAME/payload for its root.

masked_services=(systemd-logind systemd-networkd systemd-resolved systemd-timesyncd systemd-udevd systemd-firstboot systemd-modules-load
    systemd-update-utmp systemd-update-utmp-runlevel systemd-user-sessions console-getty getty@ getty-static systemd-pstore)
masked_units=(systemd-initctl.socket systemd-journald-audit.socket systemd-udevd-control.socket systemd-udevd-kernel.socket getty.target
    proc-sys-fs-binfmt_misc.automount dev-hugepages.mount dev-mqueue.mount sys-fs-fuse-connections.mount sys-kernel-config.mount
    sys-kernel-debug.mount sys-kernel-tracing.mount remote-fs.target systemd-ask-password-wall.path systemd-ask-password-console.path
    systemd-tmpfiles-clean.timer)

make_root() {
    local base=$1 root=$2 dir
    mount -t tmpfs -o "mode=0755,size=$SIZE" sdtest "$base"
    mkdir -p "$base/upper" "$base/work" "$root"
    mount -t overlay -o "lowerdir=$ROOT,upperdir=$base/upper,workdir=$base/work" overlay "$root"
    for dir in run tmp var etc/systemd/system; do
        mkdir -p "$root/$dir"
        mount -t tmpfs -o mode=0755,nosuid,nodev sdtest "$root/$dir"
    done
    mkdir -p "$root"/run/lock "$root"/run/host "$root"/var/{lib/systemd/timers,log,cache,tmp,spool,mail,opt,local}
    ln -s ../run "$root/var/run"
    ln -s ../run/lock "$root/var/lock"
    chmod 1777 "$root/tmp" "$root/var/tmp" "$root/run/lock"
}

make_devices() {
    local root=$1 device console
    mount -t tmpfs -o mode=0755,nosuid,size=8m sdtest "$root/dev"
    for device in null zero full random urandom tty; do
        touch "$root/dev/$device"
        mount --bind "/dev/$device" "$root/dev/$device"
    done
    mkdir "$root"/dev/{pts,shm,mqueue}
    mount -t devpts -o newinstance,gid=5,mode=0620,ptmxmode=0666,nosuid,noexec devpts "$root/dev/pts"
    mount -t tmpfs -o mode=1777,nosuid,nodev sdtest "$root/dev/shm"
    ln -s pts/ptmx "$root/dev/ptmx"
    ln -s /proc/self/fd "$root/dev/fd"
    ln -s fd/0 "$root/dev/stdin"
    ln -s fd/1 "$root/dev/stdout"
    ln -s fd/2 "$root/dev/stderr"
    if console=$(tty); then
        touch "$root/dev/console"
        mount --bind "$console" "$root/dev/console"
    fi
}

# Our own cgroup is the root of what is mounted here, because stage 1 has entered a cgroup namespace.
mount_kernel() {
    local root=$1
    mount -t proc -o nosuid,nodev,noexec proc "$root/proc"
    mount --bind "$root/proc/sys" "$root/proc/sys"
    mount -o remount,bind,ro "$root/proc/sys"
    if [ -e /proc/sysrq-trigger ]; then mount --bind /dev/null "$root/proc/sysrq-trigger"; fi
    mount -t sysfs -o nosuid,nodev,noexec sysfs "$root/sys" || mount --bind /sys "$root/sys"
    mount -o remount,bind,ro "$root/sys" # bind: never the shared superblock
    mount -t cgroup2 -o nosuid,nodev,noexec cgroup2 "$root/sys/fs/cgroup"
}

# An identity of its own, and none of the noise that this machine's image happens to enable.
configure() {
    local etc=$1/etc unit
    tr -d - </proc/sys/kernel/random/uuid >"$etc/machine-id"
    echo "$NAME" >"$etc/hostname"
    hostname "$NAME"
    printf '127.0.0.1 localhost %s\n::1 localhost\n' "$NAME" >"$etc/hosts"
    : >"$etc/fstab"
    rm -f "$etc/resolv.conf"
    : >"$etc/resolv.conf"
    for unit in "${masked_services[@]/%/.service}" "${masked_units[@]}"; do ln -s /dev/null "$etc/systemd/system/$unit"; done
    mkdir -p "$etc/systemd/system-generators" "$etc/systemd/system.conf.d" "$etc/systemd/journald.conf.d"
    for unit in /lib/systemd/system-generators/*; do ln -s /dev/null "$etc/systemd/system-generators/${unit##*/}"; done
    printf '[Manager]\nDefaultTimeoutStartSec=30s\nDefaultTimeoutStopSec=5s\nShowStatus=no\n' >"$etc/systemd/system.conf.d/test.conf"
    printf '[Journal]\nStorage=volatile\nAudit=no\nRateLimitIntervalSec=0\nRuntimeMaxUse=64M\nForwardToConsole=no\n' \
        >"$etc/systemd/journald.conf.d/test.conf"
}

# Real bind mounts: what changes outside later is seen inside.
bind_directories() {
    local root=$1 pair
    for pair in "${BIND[@]}" "${BIND_RO[@]}"; do
        mkdir -p "$root${pair#*:}"
        mount --rbind "${pair%%:*}" "$root${pair#*:}"
    done
    for pair in "${BIND_RO[@]}"; do mount -o remount,bind,ro "$root${pair#*:}"; done
    for pair in "${UNITS[@]}"; do cp -a "$pair/." "$root/etc/systemd/system/"; done
}

become_init() {
    local state=$1 root=$1/base/root pid
    . "$state/conf"
    read -r pid _ </proc/self/stat # /proc is still the outer one: the pid as seen from outside
    mount --make-rprivate /
    make_root "$state/base" "$root"
    make_devices "$root"
    mount_kernel "$root"
    configure "$root"
    bind_directories "$root"
    if [ "$NET" = private ]; then ip link set lo up; fi
    echo "$pid" >"$state/pid.new"
    mv "$state/pid.new" "$state/pid"
    cd "$root"
    mkdir -p run/.old
    pivot_root . run/.old
    cd /
    umount -l /run/.old
    rmdir /run/.old
    mount --make-rshared / # else LoadCredential= leaves an empty directory: PID 1 skips this in containers
    # No clock, no modules, no raw input and output, no kernel log.
    local without=-sys_time,-sys_module,-sys_rawio,-syslog,-wake_alarm
    exec env -i container=sdtest PATH="$PATH" LANG=C.UTF-8 TERM=dumb \
        setpriv --bounding-set "$without" --inh-caps "$without" /lib/systemd/systemd --system --unit="$UNIT"
}

# ---- Outside

# Whoever is killed here takes the command along: nsenter alone would leave it running.
enter() {
    local pid=$1
    shift
    exec nsenter -t "$pid" -m -u -i -n -p -C -- \
        setpriv --pdeathsig KILL env -i PATH="$PATH" HOME=/root LANG=C.UTF-8 TERM=dumb "$@"
}

# A zombie is not alive: whoever is PID 1 out here may reap late.
alive() {
    local status
    status=$(sed 's/.*) //;s/ .*//' "/proc/$1/stat" 2>/dev/null) && [ "$status" != Z ]
}

init_pid() {
    local pid
    pid=$(cat "$state_root/$1/pid" 2>/dev/null) || return 1
    alive "$pid" && [ "$(cat "/proc/$pid/comm" 2>/dev/null)" = systemd ] && echo "$pid"
}

# SRC[:DST] with an absolute, existing source; the same path inside unless told otherwise.
bind_pair() {
    local source
    source=$(readlink -e "${1%%:*}") || die "there is no directory ${1%%:*}"
    case $1 in
        *:*) echo "$source:${1#*:}" ;;
        *) echo "$source:$source" ;;
    esac
}

# A cgroup2 directory of our own, wherever this machine has that hierarchy, or in a mount of our own.
make_cgroup() {
    local name=$1 state=$2 cgroup
    cgroup=$(awk '$3 == "cgroup2" && $4 ~ /(^|,)rw(,|$)/ { print $2; exit }' /proc/mounts)
    if [ -z "$cgroup" ]; then
        cgroup=$state/cgroup2
        mkdir "$cgroup"
        mount -t cgroup2 cgroup2 "$cgroup" || return 1
    fi
    mkdir -p "$cgroup/sdtest-$name/payload" || return 1
    echo "$cgroup/sdtest-$name" >"$state/cgroup"
}

start() {
    local name=$1
    shift
    [[ $name =~ ^[a-z][a-z0-9-]{0,40}$ ]] || die "a name is of a-z, 0-9 and -, not \"$name\""
    local NAME=$name NET=private SIZE=2g UNIT=multi-user.target ROOT=/ timeout=30 owner=
    local -a BIND=() BIND_RO=() UNITS=()
    while [ $# -gt 0 ]; do
        [ $# -ge 2 ] || die "$1 lacks its value"
        case $1 in
            --net) NET=$2 ;;
            --size) SIZE=$2 ;;
            --unit) UNIT=$2 ;;
            --timeout) timeout=$2 ;;
            --owner) owner=$2 ;;
            --root) ROOT=$(readlink -e "$2") || die "there is no directory $2" ;;
            --bind) BIND+=("$(bind_pair "$2")") ;;
            --bind-ro) BIND_RO+=("$(bind_pair "$2")") ;;
            --units) UNITS+=("$(readlink -e "$2")") || die "there is no directory $2" ;;
            *) die "there is no option $1" ;;
        esac
        shift 2
    done
    [ "$(id -u)" = 0 ] || die "namespaces and mounts need root"
    [ -x /lib/systemd/systemd ] || die "systemd is missing: apt-get install systemd dbus iproute2 util-linux"
    mkdir -p "$state_root"
    local state=$state_root/$name
    mkdir "$state" 2>/dev/null || die "$state exists: stop it first"
    mkdir "$state/base"
    declare -p NAME NET SIZE UNIT ROOT BIND BIND_RO UNITS | sed 's/^declare --/declare/' >"$state/conf"
    make_cgroup "$name" "$state" || { stop "$name"; die "no cgroup2 directory can be made here"; }
    supervise "$state"
    wait_until_booted "$name" "$timeout" || { stop "$name"; exit 1; }
    if [ -n "$owner" ]; then stop_with_owner "$name" "$owner"; fi
}

# script(1) lends a terminal for /dev/console; its log shows a boot that dies early.
supervise() {
    local state=$1 namespaces="--mount --pid --fork --ipc --uts --kill-child=SIGKILL"
    if [ "$NET" = private ]; then namespaces+=" --net"; fi
    setsid bash -c 'echo $$ >"$1/supervisor"; echo $$ >"$2/cgroup.procs"; shift 2; exec "$@"' _ "$state" "$(cat "$state/cgroup")" \
        script -qfec "unshare $namespaces $(printf %q "$self") __enter_cgroup $(printf %q "$state")" "$state/console.log" \
        </dev/null >/dev/null 2>&1 &
}

wait_until_booted() {
    local name=$1 timeout=$2 state=$state_root/$1 begun=$SECONDS pid said=
    while [ $((SECONDS - begun)) -lt "$timeout" ]; do
        if pid=$(init_pid "$name"); then said=$( (enter "$pid" systemctl is-system-running) 2>/dev/null) || true; fi
        case $said in running | degraded) echo "$said"; return 0 ;; esac
        if [ -s "$state/supervisor" ] && ! alive "$(cat "$state/supervisor")"; then break; fi
        sleep 0.05
    done
    echo "run-systemd: it did not boot (it says: ${said:-nothing}); its console:" >&2
    tail -n 40 "$state/console.log" >&2 || true
    return 1
}

# The supervisor's pid tells this one from a later one of the same name.
stop_with_owner() {
    local supervisor
    supervisor=$(cat "$state_root/$1/supervisor")
    SYSTEMD_TEST_STATE=$state_root setsid bash -c 'tail -s 0.5 --pid="$1" -f /dev/null
        [ "$(cat "$SYSTEMD_TEST_STATE/$3/supervisor" 2>/dev/null)" = "$4" ] && exec "$2" stop "$3"' \
        _ "$2" "$self" "$1" "$supervisor" </dev/null >/dev/null 2>&1 &
}

# Until a process is dead, so many twentieths of a second.
wait_dead() {
    local i
    for i in $(seq "$2"); do
        alive "$1" || return 0
        sleep 0.05
    done
    return 1
}

stop() {
    local name=$1 state=$state_root/$1 pid supervisor cgroup i
    [ -d "$state" ] || return 0
    supervisor=$(cat "$state/supervisor" 2>/dev/null || true)
    cgroup=$(cat "$state/cgroup" 2>/dev/null || true)
    if pid=$(init_pid "$name"); then
        kill -s RTMIN+4 "$pid" 2>/dev/null || true # poweroff
        wait_dead "$pid" 200 || kill -KILL "$pid" || true # the kernel kills all of its pid namespace
    fi
    if [ -n "$supervisor" ]; then wait_dead "$supervisor" 40 || kill -KILL "$supervisor" || true; fi
    if [ -n "$cgroup" ] && [ -d "$cgroup" ]; then
        if [ -w "$cgroup/cgroup.kill" ]; then echo 1 >"$cgroup/cgroup.kill"; fi
        for i in $(seq 40); do
            find "$cgroup" -depth -type d -exec rmdir {} + 2>/dev/null || true
            [ -d "$cgroup" ] || break
            sleep 0.05
        done
    fi
    if mountpoint -q "$state/cgroup2"; then umount "$state/cgroup2"; fi
    rm -rf --one-file-system "$state"
}

run() {
    local name=$1
    local -a options=()
    shift
    while [ $# -gt 0 ] && [ "$1" != -- ]; do
        options+=("$1")
        shift
    done
    [ $# -ge 2 ] || die "run lacks \"-- COMMAND\""
    shift
    trap 'stop "$name"' EXIT
    start "$name" "${options[@]}" >&2
    local pid status=0
    pid=$(init_pid "$name")
    (enter "$pid" "$@") || status=$?
    exit "$status"
}

command=${1:-}
[ $# -ge 2 ] || { sed -n '2,/^set /{/^#/s/^# \{0,1\}//p}' "$self" >&2; exit 2; }
shift
case $command in
    __enter_cgroup) echo 0 >"$(cat "$1/cgroup")/payload/cgroup.procs"; exec unshare --cgroup "$self" __become_init "$1" ;;
    __become_init) become_init "$1" ;;
    start) start "$@" ;;
    stop) stop "$1" ;;
    pid) init_pid "$1" ;;
    exec)
        pid=$(init_pid "$1") || die "$1 is not running"
        shift
        enter "$pid" "$@"
        ;;
    run) run "$@" ;;
    *) die "there is no command $command" ;;
esac
