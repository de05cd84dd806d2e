namespace BackupTool.Posix;

/// <summary>
/// Lets a root process be somebody else to those it connects to, for one action on one thread: a Unix socket's other end is told the effective user and group
/// that the thread has at connect(2) (SO_PEERCRED), which is what PostgreSQL's peer authentication asks for.
/// </summary>
/// <remarks>
/// The switch is made by system calls of the kernel, which are per thread; the C library's functions of the same names switch every thread of the process. Only the identity that
/// peers see is switched: files are opened with this process's own rights, because the runtime may open files of its own meanwhile. The thread
/// ends with the action. Supplementary groups are no part of what peers are told.
/// A thread has the identity of the one that starts it, and the runtime starts threads of its own when something first needs them: its timer's is started before any switch, and the action's end, which
/// may start one of the pool's, is told after coming back.
/// </remarks>
public static class ThreadIdentity
{
    private const nint Unchanged = -1;

    private static readonly Lazy<Task> TimerThread = new(static () => Task.Delay(TimeSpan.FromMilliseconds(1), TimeProvider.System));

    /// <summary>
    /// Runs a synchronous action as <paramref name="user"/> on a thread of its own. As ourselves when we are that user already, or are not root and so cannot be another:
    /// then the other end decides.
    /// </summary>
    /// <returns>What the action returned or threw.</returns>
    /// <exception cref="PosixException">The kernel refused, as it does to a root without CAP_SETUID.</exception>
    public static Task<T> RunAsync<T>(SystemUser user, Func<T> action)
    {
        ArgumentNullException.ThrowIfNull(user);
        ArgumentNullException.ThrowIfNull(action);
        var done = new TaskCompletionSource<T>(TaskCreationOptions.RunContinuationsAsynchronously);
        bool isSwitched = CanBecome(user);
        if (isSwitched) _ = TimerThread.Value;
        new Thread(() =>
        {
            try
            {
                T result = isSwitched ? RunSwitched(user, action) : action();
                done.SetResult(result);
            }
            catch (Exception e)
            {
                done.SetException(e);
            }
        })
        { IsBackground = true, Name = $"as {user.Name}" }.Start();
        return done.Task;
    }

    /// <summary>Whether the action would run as somebody else: we are root, and the user is another.</summary>
    public static bool CanBecome(SystemUser user) => PosixIdentity.IsRoot && !user.IsCurrent;

    private static T RunSwitched<T>(SystemUser user, Func<T> action)
    {
        uint group = Libc.getegid();
        try
        {
            Become(user);
            return action();
        }
        finally
        {
            // The user first: only root may change the group. The thread ends anyway where the kernel refuses.
            _ = Libc.syscall(Libc.SysSetResUid, Unchanged, 0, Unchanged);
            _ = Libc.syscall(Libc.SysSetResGid, Unchanged, (nint)group, Unchanged);
        }
    }

    private static void Become(SystemUser user)
    {
        // The group first: without the effective uid of root it could not be changed any more. Real and saved ids stay, so that files can be root's again.
        Call(Libc.SysSetResGid, user.Gid, user);
        Call(Libc.SysSetResUid, user.Uid, user);
        // Both return the previous id and no error: a failure here costs access to files, and that says itself.
        _ = Libc.syscall(Libc.SysSetFsUid, 0, 0, 0);
        _ = Libc.syscall(Libc.SysSetFsGid, 0, 0, 0);
    }

    private static void Call(nint number, uint id, SystemUser user)
    {
        if (Libc.syscall(number, Unchanged, (nint)id, Unchanged) != 0)
            throw PosixException.FromLastError("act as the system user", BytePath.From(user.Name));
    }
}
