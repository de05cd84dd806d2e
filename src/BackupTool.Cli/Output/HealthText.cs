using System.Globalization;
using BackupTool.Operations.Health;
using BackupTool.Services.Systemd;

namespace BackupTool.Cli.Output;

/// <summary>What a report of health looks like to people and to scripts.</summary>
public static class HealthText
{
    private static readonly string[] Priorities = ["emerg", "alert", "crit", "err"];

    /// <summary>20 when a service is not healthy or could not be asked; 3 when there are errors in a journal, or something could not be found out; 75 when there are no services; else 0.</summary>
    public static ExitCode CodeOf(HealthReport report)
    {
        ArgumentNullException.ThrowIfNull(report);
        return report.Services.Count == 0 ? ExitCode.NothingToDo : !report.IsHealthy ? ExitCode.ServiceNotHealthy : report.HasWarnings ? ExitCode.DoneWithWarnings : ExitCode.Done;
    }

    /// <summary>One row a service.</summary>
    public static Table TableOf(HealthReport report)
    {
        ArgumentNullException.ThrowIfNull(report);
        var table = new Table(("SERVICE", Align.Left), ("UNIT", Align.Left), ("STATE", Align.Left), ("ENDPOINT", Align.Left), ("ERRORS", Align.Right), ("RESULT", Align.Left));
        foreach (ServiceHealth service in report.Services)
        {
            TextStyle style = service.Verdict is HealthVerdict.NotHealthy or HealthVerdict.Unknown ? TextStyle.Error : service.Errors?.Count > 0 || service.Findings.Count > 0 ? TextStyle.Warning : TextStyle.Plain;
            table.Add(style, service.Name, service.Unit ?? "-", StateOf(service), EndpointOf(service), ErrorsOf(service), ResultOf(service.Verdict, " "));
        }
        return table;
    }

    /// <summary>On standard error: why a service is not healthy, what could not be found out, how many errors its journal holds; with -v, those lines.</summary>
    public static void Tell(Terminal terminal, HealthReport report)
    {
        ArgumentNullException.ThrowIfNull(terminal);
        ArgumentNullException.ThrowIfNull(report);
        foreach (ServiceHealth service in report.Services)
        {
            if (service.Verdict is HealthVerdict.NotHealthy or HealthVerdict.Unknown) terminal.Error($"{service.Name} is {ResultOf(service.Verdict, " ")}: {service.Reason}");
            foreach (string finding in service.Findings.Where(finding => finding != service.Reason)) terminal.Warn($"{service.Name}: {finding}");
            if (service.Errors is not { Count: > 0 } errors) continue;
            terminal.Warn($"{service.Name}: {ErrorsOf(service)} {(errors.Count == 1 ? "error" : "errors")} in its journal since {report.JournalSince.LocalDateTime:yyyy-MM-dd HH:mm:ss}");
            foreach (JournalLine line in errors)
                terminal.Detail($"{service.Name} {line.Time.LocalDateTime:yyyy-MM-dd HH:mm:ss} {(line.Priority is >= 0 and < 4 ? Priorities[line.Priority] : line.Priority.ToString(CultureInfo.InvariantCulture))}: {line.Text}");
        }
    }

    /// <summary><c>healthy</c>, <c>not healthy</c>, <c>unknown</c>, <c>nothing to ask</c>.</summary>
    /// <param name="verdict">What.</param>
    /// <param name="blank">What stands between its words.</param>
    public static string ResultOf(HealthVerdict verdict, string blank) => verdict switch
    {
        HealthVerdict.Healthy => "healthy",
        HealthVerdict.NotHealthy => $"not{blank}healthy",
        HealthVerdict.Unknown => "unknown",
        _ => $"nothing{blank}to{blank}ask",
    };

    private static string StateOf(ServiceHealth service)
    {
        if (service.State is not { } state) return service.Unit is null ? "-" : "unknown";
        if (!state.IsLoaded) return state.LoadState;
        string restarts = state.Restarts switch { 0 => "", 1 => ", 1 restart", _ => string.Create(CultureInfo.InvariantCulture, $", {state.Restarts} restarts") };
        return $"{state.ActiveState} ({state.SubState}){restarts}";
    }

    private static string EndpointOf(ServiceHealth service) => service.Endpoint?.Reason ?? (service.Findings.Count > 0 && service.Probe is null ? "not known" : "-");

    private static string ErrorsOf(ServiceHealth service) => service.Errors is { } errors
        ? string.Create(CultureInfo.InvariantCulture, $"{errors.Count}{(service.HasMoreErrors ? "+" : "")}") : service.Unit is null ? "-" : "?";
}
