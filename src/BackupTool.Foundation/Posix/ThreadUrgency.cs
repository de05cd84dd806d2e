namespace BackupTool.Posix;

/// <summary>
/// Lets the present thread go before others: for what services wait for. A backup often runs with a low priority on a busy machine, and should; the moments in which
/// everything holds still for it should not.
/// </summary>
public static class ThreadUrgency
{
    private const int Urgent = -10;

    /// <summary>
    /// Raises the thread's priority (nice −10) until it ends; only for a thread of one's own. The kernel allows it to root (CAP_SYS_NICE) and to nobody else: then all stays as it is.
    /// </summary>
    /// <returns>Whether it was raised.</returns>
    public static bool TryRaise() =>
        // Linux has a priority for each thread; 0 is the one that calls (setpriority(2), "C library/kernel differences").
        Libc.setpriority(0, 0, Urgent) == 0;
}
