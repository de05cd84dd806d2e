namespace BackupTool.EndToEnd.Support;

/// <summary>The stack of which the tool is killed: a homeserver with all that hangs on it, in one of three ways of holding still.</summary>
internal static class OwedStack
{
    /// <summary>Those that run before, and must run after.</summary>
    internal static readonly string[] Running = ["homeserver.service", "bridge.service", "helper.service", "helper.socket", "console.service", "bot.service"];

    /// <summary>Those that do not, and must not.</summary>
    internal static readonly string[] Down = ["spare.service", "broken.service"];

    /// <summary>Those of the running ones that a boot starts by itself.</summary>
    internal static readonly string[] Enabled = ["homeserver.service", "bot.service"];

    /// <summary>Units, and a configuration of the given way: stop, freeze or mixed. Everything runs afterwards.</summary>
    internal static async Task SetUpAsync(StackMachine machine, string way)
    {
        await WriteUnitsAsync(machine);
        await machine.Systemd.ExecAsync("systemctl", "stop", "helper.service");
        await machine.Systemd.ExecAsync("systemctl", "start", "helper.socket");   // systemd starts it only without its service
        await machine.Systemd.ExecAsync(["systemctl", "start", .. Running]);
        await machine.Systemd.TryExecAsync("systemctl", "start", "broken.service");
        string first = way == "freeze" ? "freeze" : "stop", second = way == "stop" ? "stop" : "freeze";
        await machine.ConfigureAsync(
            machine.Service("bridge", $"after = [\"homeserver\"]\nquiesce = \"{first}\"\nhealth = {{ command = [\"/bin/true\"] }}"),
            machine.Service("homeserver", $"quiesce = \"{first}\""),
            machine.Service("helper", $"after = [\"homeserver\"]\nquiesce = \"{first}\""),
            machine.Service("bot", $"quiesce = \"{second}\"\nhealth = {{ command = [\"/bin/true\"] }}"),
            machine.Service("spare", "quiesce = \"stop\""));
        await machine.UntilAsync("systemctl is-failed -q broken.service");
    }

    internal static Task WriteUnitsAsync(StackMachine machine) => machine.Systemd.WriteUnitsAsync(
        ("homeserver.service", StackUnits.Idle()), ("bridge.service", StackUnits.Idle()), ("bot.service", StackUnits.Idle()),
        ("helper.service", StackUnits.Idle()), ("helper.socket", StackUnits.Socket(9100)),
        ("console.service", StackUnits.Idle(unit: "Requires=homeserver.service\nAfter=homeserver.service")),
        ("spare.service", StackUnits.Idle()), ("broken.service", StackUnits.Running("/bin/false", unit: "PartOf=homeserver.service")));

    /// <summary>All that ran runs, unfrozen; what did not does not.</summary>
    internal static async Task ShouldBeBackAsync(StackMachine machine, string because)
    {
        IReadOnlyDictionary<string, UnitLook> looks = await machine.LookAsync([.. Running, .. Down]);
        foreach (string unit in Running) looks[unit].Should().Match<UnitLook>(static look => look.ActiveState == "active" && (look.FreezerState == "running" || look.FreezerState == ""), "{0} ran before: {1}", unit, because);
        looks["spare.service"].ActiveState.Should().Be("inactive", because);
        looks["broken.service"].ActiveState.Should().Be("failed", because);
        File.Exists(machine.RestartJournal).Should().BeFalse("nothing is owed: {0}", because);
    }
}
