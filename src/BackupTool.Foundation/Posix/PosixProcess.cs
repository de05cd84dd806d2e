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

    /// <summary>
    /// From now on this process ends when the one that started it does, or rather the thread that did: as <c>kill -9</c> would end it, or gently (SIGTERM). At once, when that has happened already.
    /// </summary>
    /// <param name="parent">Which process that was.</param>
    /// <param name="gently">SIGTERM.</param>
    public static void EndWith(int parent, bool gently)
    {
        const int setParentDeathSignal = 1, kill = 9, terminate = 15;
        int signal = gently ? terminate : kill;
        _ = Libc.prctl(setParentDeathSignal, signal, 0, 0, 0);
        if (Libc.getppid() != parent) _ = Libc.kill(Environment.ProcessId, signal);
    }

    /// <summary>Ends this process as <c>kill -9</c> would: nothing is cleaned up, no handler and no finally runs. Does not return.</summary>
    public static void KillSelf()
    {
        const int kill = 9;
        while (true) _ = Libc.kill(Environment.ProcessId, kill);
    }
}
