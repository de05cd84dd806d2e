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
        await StopOnceAsync(units, patience, cancellationToken);
        UnitProperties[] back = await BackAgainAsync(units, cancellationToken);
        if (back.Length == 0) return;
        // What upholds or triggers it was up when it went down, and is stopped only now: its last doing is undone.
        string[] names = [.. back.Select(static unit => unit["Id"]).Distinct()];
        await StopOnceAsync(names, patience, cancellationToken);
        back = await BackAgainAsync(names, cancellationToken);
        if (back.Length == 0) return;
        UnitState state = back[0].ToState();
        string triggers = state.TriggeredBy.Count == 0 ? "" : $": {string.Join(", ", state.TriggeredBy)} may have started it";
        throw new ServiceManagerException($"{state.Name} was stopped twice and is {state.ActiveState} again{triggers}", $"See in \"journalctl -u {state.Name} -n 50\" what starts it, and stop that, too.");
    }

    private async Task StopOnceAsync(IReadOnlyList<string> units, TimeSpan patience, CancellationToken cancellationToken)
    {
        using var abandon = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        Task<ClientAnswer> stopping = client.RunAsync(["systemctl", "--no-ask-password", "stop", "--", .. units], abandon.Token);
        try
        {
            if (!await EndsWithinAsync(stopping, patience, cancellationToken)) await KillAsync(stopping, units, patience, cancellationToken);
            ClientAnswer answer = await stopping;
            if (answer.ExitCode != 0) throw SystemdFailure.Refused($"{string.Join(", ", units)} cannot be stopped", units[0], answer);
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

    /// <summary>
    /// What a stop that systemd calls a success did not last for: they run again, or have a job that will have them run. One that something upholds which still runs is not worth another stop.
    /// </summary>
    private async Task<UnitProperties[]> BackAgainAsync(IReadOnlyList<string> units, CancellationToken cancellationToken)
    {
        IReadOnlyList<UnitProperties> all = await client.ShowAsync(units, cancellationToken);
        string[] upholders = [.. all.SelectMany(static unit => unit.ToState().UpheldBy).Distinct()];
        HashSet<string> upholding = [.. (await client.ShowAsync(upholders, cancellationToken)).Where(static unit => !IsDown(unit)).Select(static unit => unit["Id"])];
        foreach (UnitState state in all.Select(static unit => unit.ToState()))
        {
            string[] starters = [.. state.UpheldBy.Where(upholding.Contains)];
            if (starters.Length > 0)
                throw new ServiceManagerException($"{state.Name} does not stay down: {string.Join(", ", starters)} upholds it", "Stop what upholds it (Upholds=) before it or together with it.");
        }
        return [.. all.Where(static unit => !IsDown(unit) || unit["Job"] is not ("" or "0"))];
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
