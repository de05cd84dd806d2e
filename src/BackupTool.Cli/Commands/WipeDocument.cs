using System.Text.Json;
using BackupTool.Operations.Reseed;
using BackupTool.Operations.Reseed.Maubot;

namespace BackupTool.Cli.Commands;

/// <summary>The JSON of <c>wipe --dry-run</c>.</summary>
public sealed record WipePlanDocument(string[] Wiped, string? Snapshot, string[] Steps, InPlaceProblem[] Problems, string[] Warnings)
{
    internal static WipePlanDocument From(WipePlan plan) => new([.. plan.Wiped], plan.Snapshot?.Id.Hex, [.. plan.Steps],
        [.. plan.Problems.Select(static problem => new InPlaceProblem(problem.Service, problem.Message, problem.Hint))], [.. plan.Warnings]);
}

/// <summary>The JSON of <c>wipe</c>.</summary>
public sealed record WipeDocument(string Service, string Reseed, string Result, string[] Wiped, string? Snapshot, string? SafetySnapshot, string[] KeptAt, WipeBack Back, SalvagedDocument[] Salvaged,
    string[] Losses, string[] NotToBeHad, string[] Notes, string[] Warnings, string[] Reasons, ReplacedServiceDocument[] Services)
{
    internal static WipeDocument From(WipeRequest request, WipeReport report) => new(request.Service, JsonNamingPolicy.CamelCase.ConvertName(request.Method.ToString()), InPlaceDocument.ResultOf(report.Outcome),
        [.. report.Plan.Wiped], report.Plan.Snapshot?.Id.Hex, report.Safety?.Snapshot?.Id.Hex, report.Outcome.IsReached ? [.. report.Outcome.Record.KeptAt] : [], WipeBack.From(report),
        [.. report.Salvaged.Select(SalvagedDocument.From)], [.. report.Losses], [.. report.NotToBeHad], [.. report.Notes], [.. report.Plan.Warnings], [.. report.Outcome.Problems], ReplacedServiceDocument.Of(report.Outcome));
}

/// <summary>What came back.</summary>
public sealed record WipeBack(BackTable[] Tables, BackPlugin[] Plugins, BackClient[] Clients, BackInstance[] Instances, string[] Reattached, string[] Orphaned)
{
    internal static WipeBack From(WipeReport report) => new(
        [.. report.Filled.SelectMany(static filled => filled.Report.Copied.Select(table => new BackTable(filled.Database.ToString(), table.Name, table.Rows)))],
        [.. report.Plugins.Where(static plugin => plugin.Outcome != ReseedOutcome.Failed).Select(static plugin => new BackPlugin(plugin.Id, plugin.Version))],
        [.. report.Clients.Where(static client => client.Outcome != ReseedOutcome.Failed).Select(static client => new BackClient(client.Id, client.IsEnabled, client.IsStarted, client.FreshDevice))],
        [.. report.Instances.Where(static instance => instance.Outcome != ReseedOutcome.Failed).Select(static instance => new BackInstance(instance.Id, instance.Type, instance.Client, instance.IsEnabled, instance.IsStarted))],
        [.. report.Reattached.Select(static path => path.ToString())], [.. report.Orphaned.Select(static path => path.ToString())]);
}

/// <summary>Rows of a table.</summary>
public sealed record BackTable(string Database, string Table, long Rows);

/// <summary>A plugin.</summary>
public sealed record BackPlugin(string Id, string Version);

/// <summary>A client.</summary>
public sealed record BackClient(string Id, bool Enabled, bool Started, string? FreshDevice);

/// <summary>An instance.</summary>
public sealed record BackInstance(string Id, string Type, string Client, bool Enabled, bool Started);

/// <summary>What could be read of a damaged database.</summary>
public sealed record SalvagedDocument(string Database, string? Copy, long Rows, string[] Unread, string? Problem)
{
    internal static SalvagedDocument From(SalvagedDatabase salvaged) => new(salvaged.Database.ToString(), salvaged.Copy?.ToString(), salvaged.Report?.Rows ?? 0,
        salvaged.Report is { } report ? [.. SalvageText.Unread(report, int.MaxValue)] : [], salvaged.Problem);
}
