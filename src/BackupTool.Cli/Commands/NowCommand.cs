using System.CommandLine;
using BackupTool.Cli.Output;
using BackupTool.Operations.Backup;
using BackupTool.Operations.Configuration;
using BackupTool.Operations.Replacing;
using BackupTool.Posix;

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
        var acceptSize = new Option<bool>("--accept-size") { Description = "What is suspiciously small is meant to be so: store it without a warning, and compare with it from now on" };
        var lockWait = new Option<string?>("--lock-wait") { Description = "How long to wait for another run, such as 30s or 10m [default: the configured time]", HelpName = "TIME" };
        return host.Create("now", "Back up now: hold the services still, cut, let them go on, store, read back, commit.", async (context, cancellationToken) =>
        {
            var request = new BackupRequest
            {
                Services = context.Value(services) ?? [],
                Labels = context.Value(labels) ?? [],
                Pinned = context.Value(pin),
                DryRun = context.Value(dryRun),
                KeepsGoing = context.Value(keepGoing),
                AcceptsSize = context.Value(acceptSize),
                LockWait = ParseWait(context.Value(lockWait)),
            };
            BackupConfiguration configuration = context.ReadConfiguration();
            if (!request.DryRun) context.StartRecording("now", configuration);
            if (!request.DryRun) await context.RecoverFirstAsync(configuration, cancellationToken);
            if (context.UnfinishedReplacement is { } unfinished)
                throw new ReplacementUnderWayException($"The state of services may be half old and half new, and is not backed up: {unfinished.TrimEnd('.')}.", "Wait for it to finish, or run 'backup recover'.");
            BackupReport report = await new BackupRun(configuration, context.ServiceManager, context.Progress, context.Time).RunAsync(request, cancellationToken);
            context.Progress.Dispose();
            context.Recorded?.Tell(report);
            if (context.Json) JsonReport.Write(context.Terminal, NowDocument.From(report), CliJson.Default.NowDocument);
            else NowReport.Print(context, report);
            if (!request.DryRun) await ForgetExpiredAsync(context, configuration);
            return CodeOf(report, context.OwesRestarts);
        }, services, labels, pin, dryRun, keepGoing, acceptSize, lockWait);
    }

    /// <summary>Removes what restores and wipes have replaced longer ago than it is to be kept. That it cannot be removed makes the backup no worse.</summary>
    private static async Task ForgetExpiredAsync(CommandContext context, BackupConfiguration configuration)
    {
        var previous = new PreviousStates(context.ReplacementWorld(configuration));
        try
        {
            IReadOnlyList<ReplacementRecord> expired = previous.FindExpired(configuration);
            await previous.ForgetAsync(configuration, expired);
            foreach (ReplacementRecord record in expired) context.Terminal.Info($"forgot what the {record.Action} of {string.Join(", ", record.ReplacedServices)} at {record.Began.LocalDateTime:yyyy-MM-dd HH:mm:ss} had replaced");
        }
        catch (Exception e) when (e is ExplainedException or PosixException)
        {
            context.Terminal.Warn($"what earlier restores have replaced could not be removed: {e.Message}");
        }
    }

    /// <summary>A service that is down matters more than one that is not in the snapshot, and that more than a warning.</summary>
    private static ExitCode CodeOf(BackupReport report, bool owesRestarts) =>
        report.IsUnwell || owesRestarts ? ExitCode.ServiceNotHealthy : report.Failures.Count > 0 ? ExitCode.Failed : report.HasWarnings ? ExitCode.DoneWithWarnings : ExitCode.Done;

    private static TimeSpan? ParseWait(string? text) =>
        text is null ? null : DurationText.TryParse(text, out TimeSpan wait) ? wait
            : throw new UsageException($"--lock-wait: '{text}' is no time.", "Write a number and a unit: 30s, 10m, 2h.");
}
