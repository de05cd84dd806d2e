using System.CommandLine;
using BackupTool.Cli.Output;
using BackupTool.Operations.Configuration;
using BackupTool.Operations.Reseed;
using BackupTool.Operations.Reseed.Maubot;
using BackupTool.Operations.Restore.InPlace;
using BackupTool.Repositories;

namespace BackupTool.Cli.Commands;

/// <summary><c>backup wipe</c></summary>
internal static class WipeCommand
{
    internal static Command Create(CommandHost host)
    {
        var options = new WipeOptions();
        return host.Create("wipe",
            "Give a service empty databases in the place of corrupted ones, and fill them again (--reseed). The state is saved in a snapshot first (label pre-wipe); the old databases are moved away, not deleted, and come back when the "
            + "service does not get healthy or cannot be filled (exit code 21). 'backup rollback SERVICE' returns to them later.\n"
            + "When a wipe is interrupted, or killed, 'backup recover' puts the old databases back, unless all was done; it can be run again then.\n"
            + "Exit code 3: something that could have come back did not (a table, a client that does not start); the report names it.",
            async (context, cancellationToken) =>
            {
                ReseedMethod method = options.Check(context);
                BackupConfiguration configuration = context.ReadConfigurationDespiteSchedules();
                ClientPasswords? passwords = context.Value(options.FreshDevices) is { } file ? ClientPasswords.Read(CommandContext.AbsolutePath(file)) : null;
                bool isDryRun = context.Value(options.DryRun), needsSnapshots = method != ReseedMethod.None && context.Value(options.Snapshot) != WipeOptions.Salvaged;
                Confirmation confirmation = isDryRun ? Confirmation.NotNeeded : Confirmation.For(context, options);
                if (!isDryRun) await context.RecoverFirstAsync(configuration, cancellationToken);
                Repository? repository = needsSnapshots ? await context.OpenRepositoryAsync(cancellationToken) : null;
                await using IAsyncDisposable? held = repository is null ? null : await context.LockForReadingAsync(repository, "wipe", cancellationToken);
                SnapshotSource? source = repository is null ? null : new SnapshotSource(repository, await repository.LoadIndexAsync(cancellationToken));
                var request = new WipeRequest
                {
                    Service = context.Value(options.Service)!,
                    Method = method,
                    Snapshot = repository is not null && context.Value(options.Snapshot) is { } selector ? await context.SelectSnapshotAsync(repository, selector, [context.Value(options.Service)!], cancellationToken) : null,
                    UsesSalvage = context.Value(options.Snapshot) == WipeOptions.Salvaged,
                    FreshDevices = passwords,
                    SkipsSafety = context.Value(options.NoSafety),
                };
                var wipe = new ServiceWipe(configuration, source, context.ReplacementWorld(configuration));
                return method == ReseedMethod.Snapshot
                    ? await RestoreAsync(context, configuration, source!, wipe, request, isDryRun, confirmation, cancellationToken)
                    : await WipeAsync(context, wipe, request, isDryRun, confirmation, cancellationToken);
            }, options.All);
    }

    private static async Task<ExitCode> WipeAsync(CommandContext context, ServiceWipe wipe, WipeRequest request, bool isDryRun, Confirmation confirmation, CancellationToken cancellationToken)
    {
        if (isDryRun || confirmation.Asks)
        {
            WipePlan plan = await wipe.PlanAsync(request, cancellationToken);
            if (isDryRun)
            {
                if (context.Json) JsonReport.Write(context.Terminal, WipePlanDocument.From(plan), CliJson.Default.WipePlanDocument);
                else WipeText.Print(context.Terminal, plan);
                return plan.Problems.Count > 0 ? ExitCode.Failed : ExitCode.Done;
            }
            if (plan.Problems.Count > 0) throw new RestoreRefusedException(plan.Problems);
            await confirmation.AskAsync(request.Service, plan.Steps, cancellationToken);
        }
        context.StartRecording("wipe", context.TryReadConfiguration());
        WipeReport report = await wipe.RunAsync(request, cancellationToken);
        context.Progress.Dispose();
        context.Recorded?.Tell(report.Safety, report.Outcome);
        if (report.Losses is [var loss, ..] && context.Recorded is { } run) run.Problem ??= loss;
        if (context.Json) JsonReport.Write(context.Terminal, WipeDocument.From(request, report), CliJson.Default.WipeDocument);
        else WipeText.Print(context, request, report);
        return WipeText.CodeOf(report, context.OwesRestarts);
    }

    private static async Task<ExitCode> RestoreAsync(
        CommandContext context, BackupConfiguration configuration, SnapshotSource source, ServiceWipe wipe, WipeRequest request, bool isDryRun, Confirmation confirmation, CancellationToken cancellationToken)
    {
        var restore = new InPlaceRestore(configuration, source.Repository, source.Index, context.ReplacementWorld(configuration));
        InPlaceRequest inPlace = await wipe.RestoreFromAsync(request, isDryRun || confirmation.Asks, cancellationToken);
        if (!isDryRun && !confirmation.Asks) context.StartRecording("wipe", configuration);
        InPlaceReport report = await restore.RunAsync(inPlace, cancellationToken);
        if (confirmation.Asks)
        {
            if (report.Plan.Problems.Count > 0) throw new RestoreRefusedException(report.Plan.Problems);
            await confirmation.AskAsync(request.Service, report.Plan.Steps, cancellationToken);
            context.StartRecording("wipe", configuration);
            report = await restore.RunAsync(inPlace with { DryRun = false }, cancellationToken);
        }
        context.Progress.Dispose();
        context.Recorded?.Tell(report.Safety, report.Outcome);
        if (context.Json) JsonReport.Write(context.Terminal, InPlaceDocument.From(inPlace.Snapshot, report), CliJson.Default.InPlaceDocument);
        else InPlaceText.Print(context, inPlace.Snapshot, report);
        return InPlaceText.CodeOf(report, context.OwesRestarts);
    }
}
