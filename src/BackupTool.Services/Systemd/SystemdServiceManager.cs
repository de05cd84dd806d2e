using System.Globalization;

namespace BackupTool.Services.Systemd;

/// <summary>
/// systemd, through <c>systemctl</c> and <c>journalctl</c>: as root for all that changes something. Each call costs one process of about 5–10 ms (a stop, start, freeze or thaw two, the second of
/// which sees what became of it), whatever the number of units. Calls for different units may run at the same time. Cancelling one kills only our <c>systemctl</c>: the job that it
/// asked for goes on in systemd.
/// </summary>
public sealed class SystemdServiceManager : IServiceManager
{
    private readonly SystemdClient _client;
    private readonly UnitStop _stop;
    private readonly UnitFreezer _freezer;

    /// <summary>Asks the systemd of this machine, or the one that the commands reach.</summary>
    /// <param name="clock">Measures patience and time limits.</param>
    /// <param name="commandPrefix">What stands before each <c>systemctl</c> and <c>journalctl</c> to run them elsewhere, program first; none by default.</param>
    public SystemdServiceManager(TimeProvider clock, params IReadOnlyList<string> commandPrefix)
    {
        _client = new SystemdClient(clock, commandPrefix);
        _stop = new UnitStop(_client, clock);
        _freezer = new UnitFreezer(_client, clock);
    }

    /// <inheritdoc/>
    public async Task<IReadOnlyList<UnitState>> DescribeAsync(IReadOnlyList<string> units, CancellationToken cancellationToken) =>
        [.. (await _client.ShowAsync(Complete(units), cancellationToken)).Select(static properties => properties.ToState())];

    /// <inheritdoc/>
    public Task StopAsync(IReadOnlyList<string> units, TimeSpan patience, CancellationToken cancellationToken) => _stop.StopAsync(Complete(units), patience, cancellationToken);

    /// <inheritdoc/>
    public Task StartAsync(string unit, CancellationToken cancellationToken) => StartAsync(unit, "replace", cancellationToken);

    /// <inheritdoc/>
    public Task StartAloneAsync(string unit, CancellationToken cancellationToken) => StartAsync(unit, "ignore-requirements", cancellationToken);

    private async Task StartAsync(string unit, string jobMode, CancellationToken cancellationToken)
    {
        unit = UnitName.Complete(unit);
        string[] start = ["systemctl", "--no-ask-password", $"--job-mode={jobMode}", "start", "--", unit];
        ClientAnswer answer = await _client.RunAsync(start, cancellationToken);
        UnitProperties properties = (await _client.ShowAsync([unit], cancellationToken))[0];
        if (answer.ExitCode != 0 && properties["Result"].EndsWith("start-limit-hit", StringComparison.Ordinal))
        {
            // StartLimitBurst= counts our own starts, too: systemd must not refuse to undo our stop.
            await ResetFailedAsync(unit, cancellationToken);
            answer = await _client.RunAsync(start, cancellationToken);
            properties = (await _client.ShowAsync([unit], cancellationToken))[0];
        }
        RequireStarted(unit, answer, properties);
    }

    private static void RequireStarted(string unit, ClientAnswer answer, UnitProperties properties)
    {
        string[] facts = [$"{properties["ActiveState"]}/{properties["SubState"]}", properties["Result"], properties.MainProcessEnd];
        string end = string.Join(", ", facts.Where(static fact => fact is not ("" or "success")));
        if (answer.ExitCode != 0) throw SystemdFailure.Refused($"{properties["Id"]} did not start ({end})", unit, answer);
        // A job that ends well is not yet a unit that is up: systemd calls it a success when conditions forbid the start, and a Type=simple process may be dead already.
        if (properties["ActiveState"] == "failed")
            throw new ServiceManagerException($"{properties["Id"]} ended as soon as it had started ({end})", $"See why in \"journalctl -u {unit} -n 50\".");
        if (properties["ActiveState"] == "inactive" && !HasRun(properties))
            throw new ServiceManagerException($"{properties["Id"]} did not start: a condition of its unit file is not met, or it ended at once", $"See \"systemctl status {unit}\" and \"journalctl -u {unit} -n 50\".");
    }

    // systemd forgets a unit that has ended and that no other mentions, its conditions included: then only a oneshot is believed.
    private static bool HasRun(UnitProperties properties) =>
        properties["ConditionTimestampMonotonic"] is "" or "0" ? properties["Type"] == "oneshot" : properties["ConditionResult"] == "yes";

    /// <inheritdoc/>
    public async Task ResetFailedAsync(string unit, CancellationToken cancellationToken)
    {
        unit = UnitName.Complete(unit);
        ClientAnswer answer = await _client.AskAsync(["systemctl", "--no-ask-password", "reset-failed", "--", unit], cancellationToken);
        // What systemd does not have loaded has neither failed nor started: nothing is counted.
        if (answer.ExitCode != 0 && !answer.Error.Contains("not loaded", StringComparison.Ordinal)) throw SystemdFailure.Refused($"the failure of {unit} cannot be reset", unit, answer);
    }

    /// <inheritdoc/>
    public async Task<string?> FindProgramAsync(string unit, CancellationToken cancellationToken)
    {
        unit = UnitName.Complete(unit);
        ClientAnswer answer = await _client.AskAsync(["systemctl", "show", UnitProperties.ProgramAsked, "--", unit], cancellationToken);
        return answer.ExitCode == 0 ? UnitProperties.ReadProgram(answer.Output) : throw SystemdFailure.Refused($"systemd does not tell what {unit} runs", unit, answer);
    }

    /// <inheritdoc/>
    public Task FreezeAsync(string unit, CancellationToken cancellationToken) => _freezer.FreezeAsync(UnitName.Complete(unit), cancellationToken);

    /// <inheritdoc/>
    public Task ThawAsync(string unit, CancellationToken cancellationToken) => _freezer.ThawAsync(UnitName.Complete(unit), cancellationToken);

    /// <inheritdoc/>
    public async Task SignalAsync(string unit, string signal, CancellationToken cancellationToken)
    {
        unit = UnitName.Complete(unit);
        // Not run again when something ends it: the signal may have been sent, and two of them may be one too many.
        ClientAnswer answer = await _client.AskAsync(["systemctl", "--no-ask-password", "kill", "--kill-whom=main", $"--signal={signal}", "--", unit], cancellationToken, repeatable: false);
        if (answer.ExitCode != 0) throw SystemdFailure.Refused($"{unit} cannot be sent {signal}", unit, answer);
    }

    /// <inheritdoc/>
    public async Task<IReadOnlyList<JournalLine>> ReadJournalAsync(string unit, JournalQuery query, CancellationToken cancellationToken)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(query.Count);
        // The journal knows a unit by its primary name only.
        string name = (await _client.ShowAsync([UnitName.Complete(unit)], cancellationToken))[0]["Id"];
        // With --since, --lines gives the first ones (systemd 252), unless they are asked for backwards.
        List<string> command = ["journalctl", "--no-pager", "--output=json", "--output-fields=MESSAGE,PRIORITY", "--reverse", $"--unit={name}",
            string.Create(CultureInfo.InvariantCulture, $"--lines={query.Count}")];
        if (query.ErrorsOnly) command.Add("--priority=err");
        if (query.Since is { } since)
        {
            long microseconds = (since - DateTimeOffset.UnixEpoch).Ticks / TimeSpan.TicksPerMicrosecond;
            command.Add(string.Create(CultureInfo.InvariantCulture, $"--since=@{microseconds / 1_000_000}.{microseconds % 1_000_000:000000}"));
        }
        ClientAnswer answer = await _client.AskAsync(command, cancellationToken);
        if (answer.ExitCode != 0) throw SystemdFailure.Refused($"the journal of {name} cannot be read", name, answer);
        if (answer.Error.Contains("not seeing messages from other users", StringComparison.Ordinal))
            throw new ServiceManagerException($"the journal of {name} cannot be read: this user sees only its own lines", "Run it as root, or add this user to the group systemd-journal.");
        JournalLine[] lines = [.. JournalEntries.Read(answer.Output, name)];
        Array.Reverse(lines);
        return lines;
    }

    private static string[] Complete(IReadOnlyList<string> units) => [.. units.Select(UnitName.Complete)];
}
