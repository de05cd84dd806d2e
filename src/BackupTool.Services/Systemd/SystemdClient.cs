using System.ComponentModel;
using System.Text;
using CliWrap;

namespace BackupTool.Services.Systemd;

/// <summary>What a program said, and the status it ended with.</summary>
internal sealed record ClientAnswer(int ExitCode, string Output, string Error);

/// <summary>
/// Runs systemd's own programs, each as one process of about 5–10 ms, and waits for them on the clock it was given. One that somebody else ends with a signal is run again, because
/// a Ctrl-C and the stop of our own unit (KillMode=control-group) reach it as well as us, and a resume must go on even so.
/// </summary>
/// <param name="clock">Measures the time limits.</param>
/// <param name="prefix">What stands before each command, program first; empty to run them as they are.</param>
internal sealed class SystemdClient(TimeProvider clock, IReadOnlyList<string> prefix)
{
    /// <summary>How long an answer may take that depends on systemd alone and not on a service.</summary>
    internal static readonly TimeSpan AnswerTimeout = TimeSpan.FromSeconds(30);

    private const int MostRuns = 5;

    /// <summary>Asks for what systemd answers by itself: at most <paramref name="timeout"/>, <see cref="AnswerTimeout"/> when null.</summary>
    /// <exception cref="ServiceManagerException">The program is missing, systemd cannot be reached, or it does not answer in time.</exception>
    internal async Task<ClientAnswer> AskAsync(IReadOnlyList<string> command, CancellationToken cancellationToken, TimeSpan? timeout = null, bool repeatable = true)
    {
        TimeSpan limit = timeout ?? AnswerTimeout;
        using var late = new CancellationTokenSource(limit, clock);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(late.Token, cancellationToken);
        try
        {
            return await RunAsync(command, either.Token, repeatable);
        }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
            throw new ServiceManagerException($"systemd did not answer \"{string.Join(' ', command)}\" within {limit.TotalSeconds:0.#} s",
                "See whether the machine is overloaded, and whether \"systemctl is-system-running\" answers; then try again.");
        }
    }

    /// <summary>The properties of units, in the order asked for, in one process.</summary>
    /// <param name="units">Whole names.</param>
    /// <param name="cancellationToken">Cancels.</param>
    /// <exception cref="ServiceManagerException">systemd cannot be asked.</exception>
    internal async Task<IReadOnlyList<UnitProperties>> ShowAsync(IReadOnlyList<string> units, CancellationToken cancellationToken)
    {
        if (units.Count == 0) return [];
        ClientAnswer answer = await AskAsync(["systemctl", "show", UnitProperties.Asked, "--", .. units], cancellationToken);
        IReadOnlyList<UnitProperties> blocks = UnitProperties.ReadAll(answer.Output);
        if (answer.ExitCode != 0 || blocks.Count != units.Count) throw SystemdFailure.Refused($"systemd does not tell the state of {string.Join(", ", units)}", units[0], answer);
        return blocks;
    }

    /// <summary>Runs a command however long it takes; cancellation kills the program, but not what it has asked systemd to do.</summary>
    /// <exception cref="ServiceManagerException">The program is missing, or systemd cannot be reached.</exception>
    internal async Task<ClientAnswer> RunAsync(IReadOnlyList<string> command, CancellationToken cancellationToken, bool repeatable = true)
    {
        ClientAnswer answer = await ExecuteAsync(command, cancellationToken);
        for (int runs = 1; repeatable && EndedBySignal(answer) && runs < MostRuns; runs++)
            answer = await ExecuteAsync(command, cancellationToken);
        if (EndedBySignal(answer)) throw SystemdFailure.EndedBySignal(command, answer);
        if (SystemdFailure.IsUnreachable(answer)) throw SystemdFailure.Unreachable(answer);
        return answer;
    }

    private async Task<ClientAnswer> ExecuteAsync(IReadOnlyList<string> command, CancellationToken cancellationToken)
    {
        string[] words = [.. prefix, .. command];
        var output = new StringBuilder();
        var error = new StringBuilder();
        Command program = Cli.Wrap(words[0]).WithArguments(words[1..]).WithValidation(CommandResultValidation.None)
            .WithEnvironmentVariables(static environment => environment.Set("LC_ALL", "C").Set("SYSTEMD_COLORS", "0").Set("SYSTEMD_URLIFY", "0").Set("SYSTEMD_LOG_LEVEL", null))
            .WithStandardOutputPipe(PipeTarget.ToStringBuilder(output, Encoding.UTF8)).WithStandardErrorPipe(PipeTarget.ToStringBuilder(error, Encoding.UTF8));
        try
        {
            CommandResult result = await program.ExecuteAsync(cancellationToken);
            return new ClientAnswer(result.ExitCode, output.ToString(), error.ToString());
        }
        catch (Win32Exception e)
        {
            throw new ServiceManagerException($"{words[0]} cannot be run: {e.InnerException?.Message ?? e.Message}",
                $"Services are stopped and started through systemd. If this runs inside a container, run it on the host; otherwise see that {words[0]} is installed and on PATH.", e);
        }
    }

    // A shell's and .NET's way of telling that a signal ended a program; systemd's programs use no such status themselves.
    private static bool EndedBySignal(ClientAnswer answer) => answer.ExitCode is > 128 and < 160;
}
