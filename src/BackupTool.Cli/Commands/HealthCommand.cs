using System.CommandLine;
using System.Globalization;
using BackupTool.Cli.Output;
using BackupTool.Operations.Configuration;
using BackupTool.Operations.Health;
using BackupTool.Services.Systemd;

namespace BackupTool.Cli.Commands;

/// <summary><c>backup health</c></summary>
internal static class HealthCommand
{
    internal static Command Create(CommandHost host)
    {
        var services = new Option<string[]>("--service", "-s") { Description = "Only this service (may be given several times)", HelpName = "NAME" };
        var since = new Option<string?>("--journal-since") { Description = "How far back the journals are searched for errors, such as 5m or 1h [default: 5m]", HelpName = "TIME" };
        return host.Create("health", "Ask every service: its unit, its endpoint, the errors in its journal. Exit code 20: one is not healthy; 3: errors in a journal.", async (context, cancellationToken) =>
        {
            var request = new HealthRequest { Services = context.Value(services) ?? [] };
            if (context.TimeOf(since) is { } span) request = request with { JournalSince = span };
            BackupConfiguration configuration = context.ReadConfigurationDespiteSchedules();
            HealthReport report = await new HealthRun(configuration, context.ServiceManager, context.Time).RunAsync(request, cancellationToken);
            if (context.Json) JsonReport.Write(context.Terminal, HealthDocument.From(report), CliJson.Default.HealthDocument);
            else if (!context.Quiet) Print(context.Terminal, report);
            HealthText.Tell(context.Terminal, report);
            return HealthText.CodeOf(report);
        }, since, services);
    }

    private static void Print(Terminal terminal, HealthReport report)
    {
        HealthText.TableOf(report).WriteTo(terminal);
        int well = report.Services.Count(static service => service.Verdict == HealthVerdict.Healthy);
        terminal.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{well} of {report.Services.Count} healthy"), report.IsHealthy ? TextStyle.Plain : TextStyle.Error);
    }
}

/// <summary>The JSON of <c>health</c>.</summary>
public sealed record HealthDocument(bool Healthy, DateTimeOffset Time, DateTimeOffset JournalSince, ServiceHealthDocument[] Services)
{
    /// <summary>The document of a report.</summary>
    public static HealthDocument From(HealthReport report)
    {
        ArgumentNullException.ThrowIfNull(report);
        return new HealthDocument(report.IsHealthy, report.Time, report.JournalSince, [.. report.Services.Select(ServiceHealthDocument.From)]);
    }
}

/// <summary>A service in it; result is healthy, not-healthy, unknown or nothing-to-ask. Errors are null when the journal was not read.</summary>
public sealed record ServiceHealthDocument(string Name, string Kind, string Result, string Reason, string? Unit, string? ActiveState, string? SubState, int? Restarts,
    string? Endpoint, string? Answer, JournalLine[]? Errors, bool MoreErrors, string[] Findings)
{
    internal static ServiceHealthDocument From(ServiceHealth service) => new(service.Name, service.Kind, HealthText.ResultOf(service.Verdict, "-"), service.Reason, service.Unit,
        service.State?.ActiveState, service.State?.SubState, service.State?.Restarts, service.Probe?.Shown, service.Endpoint?.Reason,
        service.Errors is null ? null : [.. service.Errors], service.HasMoreErrors, [.. service.Findings]);
}
