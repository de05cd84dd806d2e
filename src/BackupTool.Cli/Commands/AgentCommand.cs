using System.CommandLine;
using BackupTool.Cli.Agent;
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
                ReadStatus = (configuration, cancellationToken) => new StatusRun(configuration, context.Time).RunAsync(cancellationToken),
                TellStaleness = (configuration, cancellationToken) => StaleTelling.RunAsync(configuration, context.Time, cancellationToken),
                HostId = HostId.Read(),
                RuntimeDirectory = Environment.GetEnvironmentVariable("RUNTIME_DIRECTORY"),
            };
            return await new AgentRun(world).RunAsync();
        }, AgentStatusCommand.Create(host));
}
