using System.Diagnostics;
using BackupTool.Posix;

namespace BackupTool.Services.Sources.Postgres;

/// <summary>
/// One of PostgreSQL's programs, running as a system user, whose end is the kernel's business when we are killed: a pg_dump left behind would hold its snapshot
/// for ever. Standard error is drained all the time.
/// </summary>
/// <remarks>
/// Not CliWrap, for two reasons. The kernel's parent-death signal comes when the <i>thread</i> that started the child ends, so it must be started by a
/// thread that outlives it, never by one of the pool's. And output is pulled: its reader sets the pace, and memory stays at one pipe's buffer.
/// The environment is made anew, so that no PG* variable of ours changes what the program does.
/// </remarks>
internal sealed class ChildProgram : IDisposable
{
    private readonly Process _process;
    private readonly TaskCompletionSource<ProgramEnd> _ended = new(TaskCreationOptions.RunContinuationsAsynchronously);

    private bool _isDisposed;

    private ChildProgram(Process process) => _process = process;

    /// <summary>Its standard output.</summary>
    internal Stream Output => _process.StandardOutput.BaseStream;

    /// <summary>Its standard input: closed unless it was asked for.</summary>
    internal Stream Input => _process.StandardInput.BaseStream;

    /// <summary>Tells the program that its input is over.</summary>
    internal void CloseInput() => Input.Dispose();   // not the writer around it, which would flush into a pipe that may be broken

    /// <summary>Ends when the program and its standard error do.</summary>
    internal Task<ProgramEnd> Ended => _ended.Task;

    /// <summary>Its process id.</summary>
    internal int Id { get; private set; }

    /// <summary>Starts a program.</summary>
    /// <param name="user">Whom to run it as: ourselves, or when we are root anybody.</param>
    /// <param name="program">Absolute.</param>
    /// <param name="arguments">Visible to everybody: no secrets.</param>
    /// <param name="secret">For a program that is told to read it; null when there is none.</param>
    /// <param name="takesInput">Whether <see cref="Input"/> will be written.</param>
    /// <exception cref="SourceException">It cannot be started.</exception>
    internal static ChildProgram Start(SystemUser user, string program, IEnumerable<string> arguments, InheritableSecret? secret = null, bool takesInput = false)
    {
        var child = new ChildProgram(new Process { StartInfo = Describe(user, program, arguments) });
        var started = new TaskCompletionSource();
        new Thread(() => child.Run(started, secret, takesInput)) { IsBackground = true, Name = Path.GetFileName(program) }.Start();
        try
        {
            started.Task.GetAwaiter().GetResult();
            return child;
        }
        catch (Exception e) when (e is System.ComponentModel.Win32Exception or InvalidOperationException)
        {
            child._process.Dispose();
            throw new SourceException($"{program} cannot be started: {e.Message}", "Install PostgreSQL's client programs and util-linux.", e);
        }
    }

    /// <summary>Ends the program, and nothing else, at once. Nothing happens when it has ended.</summary>
    internal void Kill() => _process.Kill();

    /// <summary>Ends the program if it still runs, and waits for that.</summary>
    public void Dispose()
    {
        if (_isDisposed) return;
        _isDisposed = true;
        if (!_ended.Task.IsCompleted) Kill();
        _process.StandardOutput.Dispose();
        _ended.Task.GetAwaiter().GetResult();
        _process.Dispose();
    }

    private void Run(TaskCompletionSource started, InheritableSecret? secret, bool takesInput)
    {
        try
        {
            if (secret is null) _process.Start();
            else secret.Share(() => _process.Start());
            Id = _process.Id;
            if (!takesInput) CloseInput();
        }
        catch (Exception e)
        {
            started.SetException(e);
            return;
        }
        started.SetResult();
        try
        {
            (IReadOnlyList<string> lines, bool saidError) = ProgramEnd.Drain(_process.StandardError);
            _process.WaitForExit();
            _ended.SetResult(new ProgramEnd(_process.ExitCode, lines, saidError));
        }
        catch (Exception e)
        {
            _ended.SetException(e);
        }
    }

    private static ProcessStartInfo Describe(SystemUser user, string program, IEnumerable<string> arguments)
    {
        // The working directory: ours may be closed to that user.
        var start = new ProcessStartInfo(PostgresPrograms.SetPriv) { RedirectStandardInput = true, RedirectStandardOutput = true, RedirectStandardError = true, WorkingDirectory = "/" };
        foreach (string argument in Wrapping(user)) start.ArgumentList.Add(argument);
        start.ArgumentList.Add(program);
        foreach (string argument in arguments) start.ArgumentList.Add(argument);
        start.Environment.Clear();
        start.Environment["PATH"] = Environment.GetEnvironmentVariable("PATH") ?? "/usr/bin:/bin";
        start.Environment["HOME"] = user.Home;
        start.Environment["LC_ALL"] = "C";
        return start;
    }

    private static IEnumerable<string> Wrapping(SystemUser user) => ThreadIdentity.CanBecome(user)
        ? ["--reuid", $"{user.Uid}", "--regid", $"{user.Gid}", "--init-groups", "--pdeathsig", "KILL", "--"]
        : ["--pdeathsig", "KILL", "--"];
}
