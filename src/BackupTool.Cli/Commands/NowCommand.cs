using System.CommandLine;
using BackupTool.Cli.Output;
using BackupTool.Operations.Backup;
using BackupTool.Operations.Configuration;

namespace BackupTool.Cli.Commands;

/// <summary><c>backup now</c></summary>
internal static class NowCommand
{
    internal static Command Create(CommandHost host)
    {
        var services = new Option<string[]>("--service", "-s") { Description = "Only this service (may be given several times)", HelpName = "NAME" };
        var labels = new Option<string[]>("--label", "-l") { Description = "A word to find the snapshot by, such as pre-upgrade (may be given several times)", HelpName = "NAME" };
        var pin = new Option<bool>("--pin") { Description = "Never forget this snapshot" };
        var dryRun = new Option<bool>("--dry-run", "-n") { Description = "Say what would be stopped and read; stop and store nothing" };
        var keepGoing = new Option<bool>("--keep-going") { Description = "When a service cannot be backed up, stop and back up the others all the same" };
        var acceptSuspicious = new Option<bool>("--accept-suspicious") { Description = "What is suspicious (too small, a database that is damaged now) is meant to be so: count it as good, and compare with it from now on" };
        var lockWait = new LockWaitOption();
        return host.Create("now", "Back up now: hold the services still, cut, let them go on, store, read back, commit.", async (context, cancellationToken) =>
        {
            var request = new BackupRequest
            {
                Services = context.Value(services) ?? [],
                Labels = context.Value(labels) ?? [],
                Pinned = context.Value(pin),
                DryRun = context.Value(dryRun),
                KeepsGoing = context.Value(keepGoing),
                AcceptsSuspicious = context.Value(acceptSuspicious),
                LockWait = lockWait.Value(context),
            };
            BackupConfiguration configuration = context.ReadConfigurationDespiteSchedules();
            if (!request.DryRun) context.StartRecording("now", configuration);
            BackupReport report = await BackupAction.RunAsync(context, configuration, request, cancellationToken);
            context.Progress.Dispose();
            context.Recorded?.Tell(report);
            if (context.Json) JsonReport.Write(context.Terminal, NowDocument.From(report), CliJson.Default.NowDocument);
            else NowReport.Print(context, report);
            if (!request.DryRun) await BackupAction.ForgetExpiredAsync(context, configuration);
            return BackupAction.CodeOf(report, context.OwesRestarts);
        }, services, labels, pin, dryRun, keepGoing, acceptSuspicious, lockWait.Option);
    }
}
