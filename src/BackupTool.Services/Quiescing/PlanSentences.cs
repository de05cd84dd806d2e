using System.Globalization;

namespace BackupTool.Services.Quiescing;

/// <summary>A plan, told.</summary>
internal static class PlanSentences
{
    internal static IReadOnlyList<PlanStep> Of(QuiescePlan plan) =>
        [.. Left(plan), .. Stops(plan), .. Freezes(plan), new PlanStep(null, "take the cut", IsCut: true), .. Thaws(plan), .. Starts(plan)];

    private static IEnumerable<PlanStep> Left(QuiescePlan plan) => plan.Services.Where(static service => service.Mode == QuiesceMode.Online).Select(static service =>
        new PlanStep(service.Unit, $"leave {Name(service)} as it is: {Why(service)}{Notes(service)}"));

    private static string Name(PlannedService service) => service.Unit is null ? $"'{service.Target.Name}'" : $"{service.Unit} ('{service.Target.Name}')";

    private static string Why(PlannedService service) => service.Expected switch
    {
        CopyKind.Inactive => "it is not running",
        CopyKind.Frozen => "it is frozen",
        _ => "it is cut while it runs",
    };

    private static string Notes(PlannedService service) => string.Concat(service.Notes.Select(static note => $" ({note})"));

    private static IEnumerable<PlanStep> Stops(QuiescePlan plan) => plan.Units.Where(static unit => unit.Mode == QuiesceMode.Stop)
        .OrderBy(static unit => unit.StopLevel).ThenBy(static unit => unit.Role == UnitRole.Trigger)
        .Select(unit => new PlanStep(unit.Unit, $"stop {Name(unit)}: {unit.Reason}{Before(plan, unit)}; killed after {Seconds(unit.StopPatience)}"));

    private static string Before(QuiescePlan plan, PlannedUnit stopped)
    {
        string[] later = [.. stopped.WaitsForServices.Where(name => plan.Units.Any(unit => unit.Services.Contains(name)))];
        return later.Length == 0 || stopped.Role != UnitRole.Service ? "" : $"; before {Names(later)}, which it needs";
    }

    private static IEnumerable<PlanStep> Freezes(QuiescePlan plan) => plan.Units.Reverse().Where(static unit => unit.Mode == QuiesceMode.Freeze)
        .Select(static unit => new PlanStep(unit.Unit, $"freeze {Name(unit)}: {unit.Reason}"));

    private static IEnumerable<PlanStep> Thaws(QuiescePlan plan) => plan.Units.Where(static unit => unit.Mode == QuiesceMode.Freeze)
        .Select(static unit => new PlanStep(unit.Unit, $"thaw {Name(unit)}"));

    private static IEnumerable<PlanStep> Starts(QuiescePlan plan) => plan.Units.Where(static unit => unit.Mode == QuiesceMode.Stop)
        .Select(unit => new PlanStep(unit.Unit, $"start {Name(unit)}{When(plan, unit)}{Health(plan, unit)}"));

    private static string When(QuiescePlan plan, PlannedUnit unit)
    {
        string[] awaited = [.. unit.WaitsForServices.Where(name => plan.Targets.Any(target => target.Name == name && target.MustBeHealthy))];
        return awaited.Length > 0 ? $" when {Names(awaited)} {(awaited.Length == 1 ? "is" : "are")} healthy" : "";
    }

    private static string Health(QuiescePlan plan, PlannedUnit unit)
    {
        QuiesceTarget[] targets = [.. plan.Targets.Where(target => unit.Services.Contains(target.Name))];
        if (targets.Length == 0) return "";
        return targets.All(static target => target.MustBeHealthy)
            ? $", and wait at most {Seconds(targets.Max(static target => target.HealthTimeout))} until it is healthy"
            : "; it is not healthy now, so nothing waits for it";
    }

    private static string Name(PlannedUnit unit) => unit.Services.Count == 0 ? unit.Unit : $"{unit.Unit} ({Names(unit.Services)})";

    private static string Names(IEnumerable<string> names) => string.Join(", ", names.Select(static name => $"'{name}'"));

    internal static string Seconds(TimeSpan time) => string.Create(CultureInfo.InvariantCulture, $"{time.TotalSeconds:0.###} s");
}
