namespace BackupTool.Services.Quiescing;

/// <summary>Makes the record of a plan.</summary>
internal static class RestartRecords
{
    /// <summary>What is owed once a plan is carried out, together with what an earlier run still owes.</summary>
    internal static RestartRecord Make(QuiescePlan plan, RestartRecord? earlier, DateTimeOffset now)
    {
        OwedUnit[] units = [.. plan.Units.Select(Owed)];
        AwaitedService[] services = [.. plan.Services.Select(Awaited)];
        var made = new RestartRecord
        {
            FormatVersion = RestartRecord.CurrentVersion,
            BootId = HeldJournal.BootId,
            WrittenAt = now,
            ProcessId = Environment.ProcessId,
            Units = units,
            Services = services,
        };
        return earlier is null ? made : Carry(earlier, made);
    }

    private static OwedUnit Owed(PlannedUnit unit) => new()
    {
        Unit = unit.Unit,
        Mode = unit.Mode,
        IsOwed = true,
        WaitsForServices = [.. unit.WaitsForServices],
        RequiresUnits = [.. unit.RequiresUnits],
        OrderedAfterUnits = [.. unit.OrderedAfterUnits],
    };

    private static AwaitedService Awaited(PlannedService service) => new()
    {
        Name = service.Target.Name,
        LivesIn = service.Unit,
        WasHealthy = service.Target.MustBeHealthy,
        HealthTimeoutSeconds = service.Target.HealthTimeout.TotalSeconds,
        After = [.. service.Target.After],
        Probe = ProbeRecord.Of(service.Target.Probe),
    };

    private static RestartRecord Carry(RestartRecord earlier, RestartRecord made)
    {
        OwedUnit[] carried = [.. earlier.Units.Where(old => old.IsOwed && made.Units.All(unit => unit.Unit != old.Unit))
            .Select(old => earlier.BootId == made.BootId ? old : old with { Mode = QuiesceMode.Stop, StoppedInvocation = null })];
        // systemd does not know any more what a socket or a dependent that is down has to do with the others: the earlier record does.
        OwedUnit[] ordered = [.. made.Units.Select(unit => earlier.Units.FirstOrDefault(old => old.Unit == unit.Unit) is { } old ? After(unit, old, carried) : unit)];
        AwaitedService[] services = [.. earlier.Services.Where(old => made.Services.All(service => service.Name != old.Name))];
        RestartRecord both = made with { Units = [.. ordered, .. carried], Services = [.. made.Services, .. services] };
        if (both.FindProblem() is null) return both;
        // The configuration has changed so that the two orders contradict each other: what is carried waits for health only where that is still possible.
        return made with
        {
            Units = [.. made.Units, .. carried.Select(static unit => unit with { WaitsForServices = [], RequiresUnits = [], OrderedAfterUnits = [] })],
        };
    }

    private static OwedUnit After(OwedUnit unit, OwedUnit old, OwedUnit[] carried) => unit with
    {
        RequiresUnits = [.. unit.RequiresUnits.Union(old.RequiresUnits.Where(name => carried.Any(other => other.Unit == name)))],
        OrderedAfterUnits = [.. unit.OrderedAfterUnits.Union(old.OrderedAfterUnits.Where(name => carried.Any(other => other.Unit == name)))],
    };
}
