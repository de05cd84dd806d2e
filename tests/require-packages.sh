# Sourced: require_packages NAME… installs what is missing of these Debian packages when run as root, and else names it and ends with 1.
require_packages() {
    local package log missing=()
    for package in "$@"; do
        [ "$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null)" = installed ] || missing+=("$package")
    done
    [ ${#missing[@]} -gt 0 ] || return 0
    if [ "$(id -u)" != 0 ]; then
        echo "These Debian packages are missing: ${missing[*]}" >&2
        echo "Install them: apt-get install --no-install-recommends ${missing[*]}" >&2
        exit 1
    fi
    echo "== install ${missing[*]}" >&2
    log=$(mktemp)
    if ! { apt-get update -q &&
        DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends "${missing[@]}"; } >"$log" 2>&1; then
        cat "$log" >&2
        rm -f "$log"
        echo "the packages could not be installed" >&2
        exit 1
    fi
    rm -f "$log"
}
