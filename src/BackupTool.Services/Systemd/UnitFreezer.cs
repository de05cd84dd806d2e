namespace BackupTool.Services.Systemd;

/// <summary>
/// Freezes and thaws units with the kernel's freezer (cgroup version 2). systemd answers when the kernel has told it that every process stands still, or runs again. A freeze that does not
/// come about is undone before it is reported.
/// </summary>
internal sealed class UnitFreezer(SystemdClient client, TimeProvider clock)
{
    /// <summary>A freeze is a matter of milliseconds; a process that waits for a disk cannot be frozen, and the others stand still meanwhile.</summary>
    private static readonly TimeSpan FreezeTimeout = TimeSpan.FromSeconds(5);

    private static readonly TimeSpan ThawTimeout = TimeSpan.FromSeconds(30);
    private static readonly TimeSpan Step = TimeSpan.FromMilliseconds(100);

    internal async Task FreezeAsync(string unit, CancellationToken cancellationToken)
    {
        bool refused = false;
        try
        {
            ClientAnswer answer = await client.AskAsync(["systemctl", "--no-ask-password", "freeze", "--", unit], cancellationToken, FreezeTimeout);
            UnitProperties properties = await ShowAsync(unit, cancellationToken);
            if (answer.ExitCode == 0 && IsFrozen(properties)) return;
            refused = answer.ExitCode != 0 && !MayBeFrozen(properties);
            throw Explain(unit, answer, properties);
        }
        catch when (!refused)
        {
            // Some of its processes may stand still already, or will: systemd goes on with what it was asked for.
            await ThawAsync(unit, CancellationToken.None);
            throw;
        }
    }

    /// <summary>systemd refuses to thaw while it is still freezing, so this asks until it is done.</summary>
    internal async Task ThawAsync(string unit, CancellationToken cancellationToken)
    {
        long begun = clock.GetTimestamp();
        while (true)
        {
            ClientAnswer answer = await client.AskAsync(["systemctl", "--no-ask-password", "thaw", "--", unit], cancellationToken);
            UnitProperties properties = await ShowAsync(unit, cancellationToken);
            // What has ended has nothing left to thaw, though systemd may still call it frozen.
            if (!MayBeFrozen(properties) || properties["ActiveState"] is "inactive" or "failed") return;
            if (properties["ActiveState"] == "deactivating") throw StoppingWhileFrozen(properties);
            if (clock.GetElapsedTime(begun) >= ThawTimeout || (answer.ExitCode != 0 && IsFrozen(properties)))
            {
                throw new ServiceManagerException($"{unit} stays {properties["FreezerState"]}: {SystemdFailure.Reason(answer)}",
                    $"Try \"systemctl thaw {unit}\"; if that does not help, \"systemctl kill --signal=SIGKILL {unit}\" and \"systemctl start {unit}\".");
            }
            await Task.Delay(Step, clock, cancellationToken);
        }
    }

    private async Task<UnitProperties> ShowAsync(string unit, CancellationToken cancellationToken) => (await client.ShowAsync([unit], cancellationToken))[0];

    private static ServiceManagerException Explain(string unit, ClientAnswer answer, UnitProperties properties) => answer.ExitCode != 0
        ? SystemdFailure.Refused($"{unit} cannot be frozen (it is {properties["ActiveState"]}/{properties["SubState"]})", unit, answer)
        : new ServiceManagerException($"{unit} cannot be frozen: systemd calls it {properties["FreezerState"]} afterwards", $"Use quiesce = \"stop\" for it, and see \"systemctl status {unit}\".");

    // systemd ends it, its watchdog for instance, and thaws nothing that it ends; signals that the service handles wait for the thaw, SIGKILL does not.
    private static ServiceManagerException StoppingWhileFrozen(UnitProperties properties) => new(
        $"{properties["Id"]} stays frozen: systemd is ending it ({properties["SubState"]}, {properties["Result"]}) and thaws nothing that it ends",
        $"Stop it, which kills it, and start it again: \"systemctl kill --signal=SIGKILL {properties["Id"]}\", \"systemctl start {properties["Id"]}\".");

    private static bool IsFrozen(UnitProperties properties) => properties["FreezerState"].StartsWith("frozen", StringComparison.Ordinal);

    private static bool MayBeFrozen(UnitProperties properties) => properties["FreezerState"] is not ("" or "running");
}
