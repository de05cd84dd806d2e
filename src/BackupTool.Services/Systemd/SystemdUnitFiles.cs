namespace BackupTool.Services.Systemd;

/// <summary>Has systemd read unit files, and start units at boot or no more.</summary>
/// <param name="clock">Measures the time limits.</param>
/// <param name="commandPrefix">What stands before each command; empty but in tests.</param>
public sealed class SystemdUnitFiles(TimeProvider clock, params IReadOnlyList<string> commandPrefix)
{
    private readonly SystemdClient _client = new(clock, commandPrefix);

    /// <summary>Has all unit files read again.</summary>
    /// <exception cref="ServiceManagerException">systemd refused, or cannot be asked.</exception>
    public Task ReloadAsync(CancellationToken cancellationToken) => AskAsync("systemd does not read the unit files again", ["daemon-reload"], ["systemd"], cancellationToken);

    /// <summary>Has units started at boot.</summary>
    /// <exception cref="ServiceManagerException">systemd refused, or cannot be asked.</exception>
    public Task EnableAsync(IReadOnlyList<string> units, CancellationToken cancellationToken) => AskAsync($"{string.Join(", ", units)} cannot be enabled", ["enable", "--", .. units], units, cancellationToken);

    /// <summary>Starts units again, so that they are as their files say now.</summary>
    /// <exception cref="ServiceManagerException">One did not start.</exception>
    public Task RestartAsync(IReadOnlyList<string> units, CancellationToken cancellationToken) => AskAsync($"{string.Join(", ", units)} cannot be started", ["restart", "--", .. units], units, cancellationToken);

    /// <summary>Has units started at boot no more, and stops them.</summary>
    /// <exception cref="ServiceManagerException">systemd refused, or cannot be asked.</exception>
    public Task DisableAsync(IReadOnlyList<string> units, CancellationToken cancellationToken) => AskAsync($"{string.Join(", ", units)} cannot be disabled", ["disable", "--now", "--", .. units], units, cancellationToken);

    /// <summary>Forgets when timers ran last.</summary>
    /// <exception cref="ServiceManagerException">systemd refused, or cannot be asked.</exception>
    public Task ForgetRunsAsync(IReadOnlyList<string> timers, CancellationToken cancellationToken) => AskAsync($"the last runs of {string.Join(", ", timers)} cannot be forgotten", ["clean", "--what=state", "--", .. timers], timers, cancellationToken);

    private async Task AskAsync(string what, IReadOnlyList<string> command, IReadOnlyList<string> units, CancellationToken cancellationToken)
    {
        if (units.Count == 0) return;
        // A service that is stopped may first have to bring others back: that takes as long as it takes.
        ClientAnswer answer = await _client.RunAsync(["systemctl", "--no-ask-password", .. command], cancellationToken);
        if (answer.ExitCode != 0) throw SystemdFailure.Refused(what, units[0], answer);
    }
}
