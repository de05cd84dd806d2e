namespace BackupTool.Services.Systemd;

/// <summary>Stops units with patience. Those whose turn has not come, because others are ordered after them and stop first, are not killed for their waiting.</summary>
internal sealed class UnitStop(SystemdClient client, TimeProvider clock)
{
    private static readonly TimeSpan Step = TimeSpan.FromMilliseconds(250);

    /// <summary>How long a unit may take to be gone after it was killed.</summary>
    private static readonly TimeSpan KillGrace = TimeSpan.FromSeconds(5);

    internal async Task StopAsync(IReadOnlyList<string> units, TimeSpan patience, CancellationToken cancellationToken)
    {
        if (units.Count == 0) return;
        using var abandon = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        Task<ClientAnswer> stopping = client.RunAsync(["systemctl", "--no-ask-password", "stop", "--", .. units], abandon.Token);
        try
        {
            if (!await EndsWithinAsync(stopping, patience, cancellationToken)) await KillAsync(stopping, units, patience, cancellationToken);
            await RequireDownAsync(await stopping, units, cancellationToken);
        }
        finally
        {
            await abandon.CancelAsync();
            await ((Task)stopping).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }

    /// <summary>Kills what is being stopped, and what is being stopped later when it has had its patience, too, until the stop has ended.</summary>
    private async Task KillAsync(Task stopping, IReadOnlyList<string> units, TimeSpan patience, CancellationToken cancellationToken)
    {
        long begun = clock.GetTimestamp();
        TimeSpan elapsed = TimeSpan.Zero, end = KillGrace;
        var due = new Dictionary<string, TimeSpan>();
        ClientAnswer? refusal = null;
        do
        {
            string[] ending = [.. (await client.ShowAsync(units, cancellationToken)).Where(static unit => unit["ActiveState"] == "deactivating").Select(static unit => unit["Id"]).Distinct()];
            foreach (string unit in ending)
                if (due.TryAdd(unit, elapsed == TimeSpan.Zero ? elapsed : elapsed + patience)) end = due[unit] + KillGrace;
            string[] doomed = [.. ending.Where(unit => due[unit] <= elapsed)];
            if (doomed.Length > 0)
            {
                // It refuses those that are gone by now: what counts is whether the stop ends.
                ClientAnswer answer = await client.AskAsync(["systemctl", "--no-ask-password", "kill", "--kill-whom=all", "--signal=SIGKILL", "--", .. doomed], cancellationToken);
                if (answer.ExitCode != 0) refusal = answer;
            }
            if (await EndsWithinAsync(stopping, Step, cancellationToken)) return;
            elapsed = clock.GetElapsedTime(begun);
        }
        while (elapsed < end);
        throw await ExplainStillUpAsync(units, patience, refusal, cancellationToken);
    }

    private async Task<ServiceManagerException> ExplainStillUpAsync(IReadOnlyList<string> units, TimeSpan patience, ClientAnswer? refusal, CancellationToken cancellationToken)
    {
        UnitProperties[] up = [.. (await client.ShowAsync(units, cancellationToken)).Where(static unit => !IsDown(unit))];
        string states = string.Join(", ", up.Select(static unit => $"{unit["Id"]} ({unit["ActiveState"]}/{unit["SubState"]})"));
        string reason = refusal is null ? "" : $"; systemd says: {SystemdFailure.Reason(refusal)}";
        return up.Any(static unit => unit["ActiveState"] == "deactivating")
            ? new ServiceManagerException($"not down {patience.TotalSeconds:0.#} s after the stop, nor {KillGrace.TotalSeconds:0} s after SIGKILL: {states}{reason}",
                $"A process that waits for a disk or a network file system cannot be killed: \"systemctl status {up[0]["Id"]}\" shows which.")
            : new ServiceManagerException($"not down {patience.TotalSeconds:0.#} s after the stop: {states}: other units stop first, and do not end{reason}",
                "\"systemctl list-jobs\" shows which: list these as services of their own, or stop them before.");
    }

    /// <summary>What systemd calls a stop that went well has ended all the same when something started it again at once.</summary>
    private async Task RequireDownAsync(ClientAnswer answer, IReadOnlyList<string> units, CancellationToken cancellationToken)
    {
        if (answer.ExitCode != 0) throw SystemdFailure.Refused($"{string.Join(", ", units)} cannot be stopped", units[0], answer);
        UnitProperties? back = (await client.ShowAsync(units, cancellationToken)).FirstOrDefault(static unit => !IsDown(unit));
        if (back is null) return;
        UnitState state = back.ToState();
        string[] starters = [.. state.UpheldBy, .. state.TriggeredBy];
        throw new ServiceManagerException($"{state.Name} was stopped and is {state.ActiveState} again{(starters.Length == 0 ? "" : $": {string.Join(", ", starters)} starts it")}",
            starters.Length == 0 ? $"See in \"journalctl -u {state.Name} -n 50\" what starts it, and stop that, too." : "Stop what starts it (Upholds=, sockets, timers and paths) before it or together with it.");
    }

    private async Task<bool> EndsWithinAsync(Task stopping, TimeSpan time, CancellationToken cancellationToken)
    {
        try
        {
            await stopping.WaitAsync(time, clock, cancellationToken);
            return true;
        }
        catch (TimeoutException)
        {
            return false;
        }
    }

    private static bool IsDown(UnitProperties unit) => unit["ActiveState"] is "inactive" or "failed";
}
