using System.CommandLine;
using System.Globalization;
using BackupTool.Cli.Agent;
using BackupTool.Cli.Output;
using BackupTool.Operations.Configuration;

namespace BackupTool.Cli.Commands;

/// <summary><c>backup agent status</c></summary>
internal static class AgentStatusCommand
{
    internal static Command Create(CommandHost host) => host.Create("status", "Ask the agent that runs: its schedules, their next times and last runs, what runs now. Exit code 20: something is not well.", async (context, cancellationToken) =>
    {
        AgentStatusDocument status = await StatusClient.AskAsync(StatusSocket.For(SettingsOf(context), Environment.GetEnvironmentVariable("RUNTIME_DIRECTORY")), cancellationToken);
        if (context.Json) JsonReport.Write(context.Terminal, status, AgentJson.Default.AgentStatusDocument);
        else if (!context.Quiet) Print(context.Terminal, status.Agent);
        foreach (string problem in status.Agent.Problems) context.Terminal.Error(problem);
        return status.Agent.Healthy ? ExitCode.Done : ExitCode.ServiceNotHealthy;
    });

    /// <summary>An agent that goes on by an older configuration is asked all the same: with what is legible of the one on the disk, or at the usual place.</summary>
    private static AgentSettings SettingsOf(CommandContext context)
    {
        try
        {
            return context.ReadConfigurationDespiteSchedules().Agent;
        }
        catch (ConfigurationException e)
        {
            context.Terminal.Warn($"the configuration cannot be used, so the agent is asked at its usual socket: {e.Message}");
            return new AgentSettings();
        }
    }

    private static void Print(Terminal terminal, AgentDocument agent)
    {
        terminal.WriteLine(string.Create(CultureInfo.InvariantCulture, $"agent {agent.Version}, process {agent.Process}, since {Shown(agent.Began)}; configuration: {agent.Configuration.File}, loaded {Shown(agent.Configuration.Loaded)}"));
        if (agent.Configuration is { Refused: { } refused, Problem: { } problem }) terminal.Warn($"the configuration was refused at {Shown(refused)}, and the older one goes on:\n{problem}");
        if (agent.Recovery is null) terminal.WriteLine("recovering: starting again what an earlier run has stopped");
        if (agent.Running is { } run) terminal.WriteLine(string.Create(CultureInfo.InvariantCulture, $"running: {run.Schedule} since {Shown(run.Started)} (process {run.Process})"));
        if (agent.Waiting.Length > 0) terminal.WriteLine($"waiting: {string.Join(", ", agent.Waiting.Select(static waiting => waiting.Schedule))}");
        var table = new Table(("SCHEDULE", Align.Left), ("NEXT", Align.Left), ("LAST", Align.Left), ("TOOK", Align.Right), ("RESULT", Align.Left));
        foreach (AgentScheduleDocument schedule in agent.Schedules)
        {
            AgentRunDocument? last = schedule.LastRun;
            table.Add(schedule.Name, schedule.Next is { } next ? Shown(next) : "never", last is null ? "-" : Shown(last.Started),
                last is { Finished: { } finished } ? Duration.Format(finished - last.Started) : "-", last?.ExitCode is { } code && schedule.Outcome == RunOutcome.Failed ? $"{schedule.Outcome} ({code})" : schedule.Outcome);
        }
        if (agent.Schedules.Length > 0) table.WriteTo(terminal);
        else terminal.WriteLine("nothing is scheduled");
    }

    private static string Shown(DateTimeOffset time) => time.ToLocalTime().ToString("ddd yyyy-MM-dd HH:mm:ss", CultureInfo.InvariantCulture);
}
