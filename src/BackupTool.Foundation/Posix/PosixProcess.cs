namespace BackupTool.Posix;

/// <summary>This process.</summary>
public static class PosixProcess
{
    /// <summary>Asks a child of ours to end (SIGTERM). Nothing happens when it has ended; it must not have been waited for, else its number can be another's.</summary>
    public static void Terminate(int child)
    {
        const int terminate = 15;
        ArgumentOutOfRangeException.ThrowIfLessThan(child, 1);
        _ = Libc.kill(child, terminate);
    }

    /// <summary>Ends this process as <c>kill -9</c> would: nothing is cleaned up, no handler and no finally runs. Does not return.</summary>
    public static void KillSelf()
    {
        const int kill = 9;
        while (true) _ = Libc.kill(Environment.ProcessId, kill);
    }
}
