using System.Text.Json.Nodes;
using System.Text.Json.Serialization;

namespace BackupTool.Cli.Agent;

/// <summary>The agent's own part of <c>/status.json</c>. A stable contract.</summary>
public sealed record AgentDocument(
    bool Healthy, string[] Problems, string Version, int Process, DateTimeOffset Time, DateTimeOffset Began, double BeatAgeSeconds, bool Ending, ConfigurationDocument Configuration, int? Recovery,
    RunningDocument? Running, WaitingDocument[] Waiting, AgentScheduleDocument[] Schedules)
{
    internal static AgentDocument From(AgentView view, AgentBoard board, IReadOnlyList<string> problems) => new(
        problems.Count == 0, [.. problems], typeof(AgentDocument).Assembly.GetName().Version!.ToString(3), Environment.ProcessId, board.Time.GetUtcNow(), view.Began, Math.Round(board.BeatAge.TotalSeconds, 3),
        view.IsEnding, ConfigurationDocument.From(view.Configuration), view.Recovery, view.Running is { } run ? new RunningDocument(run.Schedule, run.Slot, run.Started, run.ProcessId) : null,
        [.. view.Queue.Select(static waiting => new WaitingDocument(waiting.Schedule, waiting.Slot))], [.. view.Schedules.Select(schedule => AgentScheduleDocument.From(schedule, view.Running))]);
}

/// <summary>Which configuration is in force: state is <c>loaded</c>, or <c>refused</c> when a later one could not be used.</summary>
public sealed record ConfigurationDocument(string File, string State, DateTimeOffset Loaded, DateTimeOffset? Refused, string? Problem)
{
    internal static ConfigurationDocument From(ConfigurationView view) => new(view.File, view.Refused is null ? "loaded" : "refused", view.Loaded, view.Refused, view.Problem);
}

/// <summary>A run under way.</summary>
public sealed record RunningDocument(string Schedule, DateTimeOffset Slot, DateTimeOffset Started, int Process);

/// <summary>A run that is due and waits.</summary>
public sealed record WaitingDocument(string Schedule, DateTimeOffset Slot);

/// <summary>A schedule; outcome is none, running, done, warnings, failed or interrupted.</summary>
public sealed record AgentScheduleDocument(string Name, string Cron, string TimeZone, bool CatchUp, DateTimeOffset? Next, string Outcome, AgentRunDocument? LastRun)
{
    internal static AgentScheduleDocument From(ScheduleView view, RunningView? running) => new(view.Name, view.Cron, view.TimeZone, view.CatchUp, view.Next, view.Outcome(running),
        view.LastRun is { } run ? new AgentRunDocument(run.Slot, run.Started, run.Finished, run.ExitCode) : null);
}

/// <summary>A schedule's last run.</summary>
public sealed record AgentRunDocument(DateTimeOffset Slot, DateTimeOffset Started, DateTimeOffset? Finished, int? ExitCode);

/// <summary><c>/health</c>.</summary>
public sealed record AgentHealthDocument(bool Healthy, DateTimeOffset Time, string[] Problems);

/// <summary>The agent's part of <c>/status.json</c>; the rest is that of <c>backup status --json</c>.</summary>
public sealed record AgentStatusDocument(AgentDocument Agent);

/// <summary>The answer to what cannot be answered.</summary>
public sealed record AgentRefusalDocument(string Error);

[JsonSourceGenerationOptions(WriteIndented = true, PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase)]
[JsonSerializable(typeof(AgentHealthDocument))]
[JsonSerializable(typeof(AgentStatusDocument))]
[JsonSerializable(typeof(JsonObject))]
[JsonSerializable(typeof(AgentRefusalDocument))]
internal sealed partial class AgentJson : JsonSerializerContext;
