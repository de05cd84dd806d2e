namespace BackupTool.Posix;

/// <summary>This process.</summary>
public static class PosixProcess
{
    /// <summary>Ends this process as <c>kill -9</c> would: nothing is cleaned up, no handler and no finally runs. Does not return.</summary>
    public static void KillSelf()
    {
        const int kill = 9;
        while (true) _ = Libc.kill(Environment.ProcessId, kill);
    }
}
