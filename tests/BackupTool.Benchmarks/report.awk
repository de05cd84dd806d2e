# Reads lines of: tool step milliseconds peak-KiB grown-bytes. Prints the medians, their ratios to restic and the aims. Plain awk.
{ n = ++count[$1, $2]; time[$1, $2, n] = $3; grown[$1, $2, n] = $5; if ($4 > peak[$1]) peak[$1] = $4 }

function median(values, tool, step,    n, i, j, swap, sorted) {
    n = count[tool, step]
    if (!n) return -1
    for (i = 1; i <= n; i++) sorted[i] = values[tool, step, i]
    for (i = 2; i <= n; i++)
        for (j = i; j > 1 && sorted[j] < sorted[j - 1]; j--) { swap = sorted[j]; sorted[j] = sorted[j - 1]; sorted[j - 1] = swap }
    return n % 2 ? sorted[(n + 1) / 2] : (sorted[n / 2] + sorted[n / 2 + 1]) / 2
}

function seconds(tool, step,    m) { m = median(time, tool, step); return m < 0 ? "-" : sprintf("%.2f", m / 1000) }

function mebibytes(tool, step,    m) { m = median(grown, tool, step); return m < 0 ? "-" : sprintf("%.1f", m / 1048576) }

function faster(step,    ours) { ours = median(time, "ours", step); return ours > 0 ? median(time, "restic", step) / ours : 0 }

function aim(name, figure, wanted, reached) {
    printf "%-28s %12s   aim %-10s %s\n", name, figure, wanted, reached ? "reached" : "NOT REACHED"
}

END {
    row = "%-8s %9s %10s %10s %12s %9s %9s %11s %13s\n"
    printf row, "tool", "first", "unchanged", "changed", "stored MiB", "verify", "restore", "peak MB", "repo MiB"
    n = split(tools, names, " ")
    for (i = 1; i <= n; i++) {
        t = names[i]
        printf row, t, seconds(t, "first"), seconds(t, "unchanged"), seconds(t, "changed"), mebibytes(t, "changed"), seconds(t, "verify"), \
            seconds(t, "restore"), sprintf("%.0f", peak[t] * 1024 / 1e6), mebibytes(t, "first")
    }
    if (!(("ours", "first") in count) || !(("restic", "first") in count)) exit
    split("first unchanged changed verify restore", steps, " ")
    split("3 5 4 3 2", wanted, " ")
    print "\nours against restic"
    for (i = 1; i <= 5; i++) aim(steps[i], sprintf("%.2f x", faster(steps[i])), ">= " wanted[i] " x", faster(steps[i]) >= wanted[i])
    stored = median(grown, "ours", "changed") / median(grown, "restic", "changed")
    aim("bytes stored for a change", sprintf("%.2f x", stored), "<= 0.4 x", stored <= 0.4)
    aim("peak memory", sprintf("%.0f MB", peak["ours"] * 1024 / 1e6), "<= 160 MB", peak["ours"] * 1024 <= 160e6)
    aim("start of --version", start_ours " ms", "<= 10 ms", start_ours <= 10)
    printf "%-28s %12s\n", "  restic's", start_restic " ms"
}
