using System.CommandLine;
using BackupTool.Cli.Output;
using BackupTool.Operations.Configuration;
using BackupTool.Operations.Notifications;
using BackupTool.Operations.Schedules;
using BackupTool.Services.Profiles;

namespace BackupTool.Cli.Commands;

/// <summary><c>backup config</c></summary>
internal static class ConfigCommand
{
    private static readonly Option<bool> FilesOnly = new("--files-only") { Description = "Only what stands in the files of the configuration itself: for a machine on which the services are not" };

    internal static Command Create(CommandHost host) => new("config", "Check, show or propose the configuration.")
    {
        host.Create("check", "Read the configuration and each service's own, and explain every finding.", static (context, _) => Task.FromResult(Check(context)), FilesOnly),
        host.Create("show", "Print the configuration with its defaults.", static (context, _) =>
        {
            BackupConfiguration configuration = context.ReadConfiguration();
            string text = ConfigurationPrinter.Print(configuration);
            if (context.Json) JsonReport.Write(context.Terminal, new ConfigDocument(configuration.File.ToString(), text), CliJson.Default.ConfigDocument);
            else context.Terminal.WriteDocument(stream => stream.Write(System.Text.Encoding.UTF8.GetBytes(text)));
            return Task.FromResult(ExitCode.Done);
        }),
        host.Create("discover", "Propose a configuration from the services and data found on this machine.", static (context, _) =>
        {
            string text = ConfigurationDiscovery.Propose();
            if (context.Json) JsonReport.Write(context.Terminal, new ConfigDocument(null, text), CliJson.Default.ConfigDocument);
            else context.Terminal.WriteDocument(stream => stream.Write(System.Text.Encoding.UTF8.GetBytes(text)));
            return Task.FromResult(ExitCode.Done);
        }),
    };

    private static ExitCode Check(CommandContext context)
    {
        var findings = new List<FindingDocument>();
        try
        {
            BackupConfiguration configuration = ConfigurationReader.ReadDespiteSchedules(context.ConfigFile, Environment.GetEnvironmentVariable("STATE_DIRECTORY"), Environment.GetEnvironmentVariable("CREDENTIALS_DIRECTORY"));
            findings.AddRange(configuration.Warnings.Concat(configuration.LesserProblems).Select(FindingDocument.From));
            if (!context.Value(FilesOnly)) findings.AddRange(NotifyCheck.Find(configuration).Select(FindingDocument.From));
            if (!context.Value(FilesOnly)) findings.AddRange(configuration.Services.SelectMany(DescribeService));
            findings.AddRange(configuration.Schedules.Select(schedule => DescribeSchedule(schedule, context.Time.GetUtcNow())));
        }
        catch (ConfigurationException e)
        {
            findings.AddRange(e.Problems.Select(FindingDocument.From));
        }
        if (context.Json) JsonReport.Write(context.Terminal, new CheckDocument(context.ConfigFile.ToString(), [.. findings]), CliJson.Default.CheckDocument);
        else Print(context, findings);
        return findings.Exists(static f => f.Severity == "error") ? ExitCode.Usage : findings.Exists(static f => f.Severity == "warning") ? ExitCode.DoneWithWarnings : ExitCode.Done;
    }

    /// <summary>What each service's profile says of its own configuration: what is wrong there now would fail the next backup.</summary>
    private static List<FindingDocument> DescribeService(ServiceSettings service)
    {
        var findings = new List<FindingDocument>();
        string where = $"[service.{service.Name}]";
        try
        {
            ServiceLayout layout = ServiceProfiles.For(service.Kind)!.Describe(service.ToFacts(), note => findings.Add(new FindingDocument("note", where, note, null)));
            findings.Add(new FindingDocument("ok", where, $"backs up {string.Join(", ", layout.Roots)}", null));
        }
        catch (ExplainedException e)
        {
            findings.Add(new FindingDocument("error", where, e.Message, e.Hint));
        }
        return findings;
    }

    private static FindingDocument DescribeSchedule(ScheduleSettings schedule, DateTimeOffset now) => new("ok", schedule.File.ToString(),
        $"runs {string.Join(", ", schedule.Run.Select(ScheduleLookup.WordOf))}, next at {new ScheduleTimes(schedule, HostId.Read()).Next(now)?.ToLocalTime():yyyy-MM-dd HH:mm:ss}", null);

    private static void Print(CommandContext context, List<FindingDocument> findings)
    {
        foreach (FindingDocument finding in findings)
        {
            string text = $"{finding.Where}: {finding.Message}{(finding.Hint is null ? "" : $"\n  → {finding.Hint}")}";
            if (finding.Severity == "error") context.Terminal.Error(text);
            else if (finding.Severity == "warning") context.Terminal.Warn(text);
            else context.Terminal.WriteLine(text);
        }
        int errors = findings.Count(static f => f.Severity == "error");
        context.Terminal.WriteLine(errors == 0 ? $"{context.ConfigFile} is good" : $"{context.ConfigFile} has {errors} {(errors == 1 ? "error" : "errors")}");
    }
}

/// <summary>The JSON of <c>config show</c> and <c>config discover</c>.</summary>
public sealed record ConfigDocument(string? File, string Toml);

/// <summary>The JSON of <c>config check</c>.</summary>
public sealed record CheckDocument(string File, FindingDocument[] Findings);

/// <summary>Something to say of the configuration; severity ok, note, warning or error.</summary>
public sealed record FindingDocument(string Severity, string Where, string Message, string? Hint)
{
    internal static FindingDocument From(ConfigurationProblem problem) => new(problem.IsWarning ? "warning" : "error",
        problem.Line == 0 ? problem.File : $"{problem.File}:{problem.Line}:{problem.Column}", problem.Message, problem.Hint);
}
