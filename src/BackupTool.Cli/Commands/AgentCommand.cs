using System.CommandLine;
using BackupTool.Cli.Agent;
using BackupTool.Operations.Configuration;
using BackupTool.Operations.Notifications;
using BackupTool.Operations.Schedules;
using BackupTool.Operations.Status;
using Microsoft.Extensions.Hosting.Systemd;

namespace BackupTool.Cli.Commands;

/// <summary><c>backup agent</c></summary>
internal static class AgentCommand
{
    internal const string Name = "agent";

    internal static Command Create(CommandHost host) => host.Create(Name,
        "Run the schedules: recover what is owed, then start 'backup run NAME' for each as it is due, one at a time, until told to end. SIGHUP loads the configuration again; SIGTERM ends when services are back. Answers /health, /metrics and /status.json on a unix socket.",
        async (context, _) =>
        {
            using AgentSignals signals = AgentSignals.Register();
            var world = new AgentWorld
            {
                Time = context.Time,
                Terminal = context.Terminal,
                Notices = new ServiceNotices(new SystemdNotifier(), context.Time, context.Terminal.Warn),
                AliveInterval = ServiceNotices.AliveInterval(Environment.GetEnvironmentVariable("WATCHDOG_USEC"), Environment.GetEnvironmentVariable("WATCHDOG_PID"), Environment.ProcessId),
                Signals = signals.Reader,
                Launcher = new ProcessLauncher(context.RepositoryArguments),
                ConfigFile = context.ConfigFile,
                ReadConfiguration = context.ReadConfiguration,
                ReadConfigurationAtStart = context.ReadConfigurationDespiteSchedules,
                TellLeftOut = (configuration, cancellationToken) => new Notifier(configuration.Notify, context.Time).SendAsync(LeftOut(configuration, context.Time.GetLocalNow()), cancellationToken),
                ReadStatus = (configuration, cancellationToken) => new StatusRun(configuration, context.Time).RunAsync(cancellationToken),
                TellStaleness = (configuration, cancellationToken) => StaleTelling.RunAsync(configuration, context.Time, cancellationToken),
                HostId = HostId.Read(),
                RuntimeDirectory = Environment.GetEnvironmentVariable("RUNTIME_DIRECTORY"),
            };
            return await new AgentRun(world).RunAsync();
        }, AgentStatusCommand.Create(host));

    private static NotifyEvent LeftOut(BackupConfiguration configuration, DateTimeOffset now) => new()
    {
        Kind = NotifyKind.Failure,
        Host = Environment.MachineName,
        Time = now,
        Title = "the agent has begun without what is wrong in its configuration",
        Lines = [.. configuration.LesserProblems.Select(static problem => problem.ToString()), "Correct it; `backup config check` tells when it is right. Then `systemctl reload backup-agent`."],
    };
}
