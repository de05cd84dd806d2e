using System.CommandLine;
using BackupTool.Cli.Output;
using BackupTool.Operations.Configuration;
using BackupTool.Operations.Replacing.Planning;
using BackupTool.Operations.Restore;
using BackupTool.Operations.Restore.InPlace;
using BackupTool.Operations.Sanity;
using BackupTool.Operations.Snapshots;
using BackupTool.Posix;
using BackupTool.Repositories;
using BackupTool.Repositories.Snapshots;

namespace BackupTool.Cli.Commands;

/// <summary><c>backup restore</c></summary>
internal static class RestoreCommand
{
    internal static Command Create(CommandHost host)
    {
        var options = new RestoreOptions();
        return host.Create("restore",
            "Restore a snapshot, or a part of it: into a directory (--target), or in the place of the live state (--in-place). In a directory paths are kept: /var/lib/x becomes DIR/var/lib/x.\n"
            + "--in-place prepares everything while the services run, stops them, exchanges old and new by rename, starts them, and undoes it when they do not get healthy (exit code 21). 'backup rollback' undoes it later.",
            async (context, cancellationToken) =>
            {
                options.Check(context);
                if (context.Value(options.ForgetPrevious)) return await RollbackCommand.ForgetAsync(context, context.Value(options.Services) ?? [], context.Value(options.DryRun), cancellationToken);
                if (context.Value(options.InPlace) && !context.Value(options.DryRun)) context.StartRecording("restore", context.TryReadConfiguration());
                if (!context.Value(options.DryRun)) await context.RecoverFirstAsync(cancellationToken);
                Repository repository = await context.OpenRepositoryAsync(cancellationToken);
                await using IAsyncDisposable held = await context.LockForReadingAsync(repository, "restore", cancellationToken);
                StoredSnapshot stored = await context.SelectSnapshotAsync(repository, context.Value(options.Snapshot)!, context.Value(options.Services) ?? [], cancellationToken);
                IReadOnlyList<ServiceSnapshot> services = context.Value(options.Services) is { Length: > 0 } names ? await SelectServicesAsync(repository, stored, names, cancellationToken) : stored.Snapshot.Services;
                bool isSuspicious = await WarnOfSuspiciousAsync(context, repository, stored, services, cancellationToken);
                ExitCode code = context.Value(options.InPlace)
                    ? await RestoreInPlaceAsync(context, options, repository, stored, services, cancellationToken)
                    : await RestoreAsideAsync(context, options, repository, stored, services, cancellationToken);
                return code == ExitCode.Done && isSuspicious ? ExitCode.DoneWithWarnings : code;
            }, options.All);
    }

    private static async Task<IReadOnlyList<ServiceSnapshot>> SelectServicesAsync(Repository repository, StoredSnapshot stored, string[] names, CancellationToken cancellationToken)
    {
        IReadOnlyList<StoredSnapshot> all = names.All(name => stored.Snapshot.Services.Any(service => service.Name == name)) ? [] : await repository.ListSnapshotsAsync(cancellationToken);
        return [.. names.Distinct().Select(name => SnapshotSelector.Service(stored, name, all))];
    }

    /// <summary>Who asks for the latest at night should know that it is not the last good one.</summary>
    private static async Task<bool> WarnOfSuspiciousAsync(CommandContext context, Repository repository, StoredSnapshot stored, IReadOnlyList<ServiceSnapshot> services, CancellationToken cancellationToken)
    {
        ServiceSnapshot[] suspicious = [.. services.Where(static service => SanityFacts.SuspicionOf(service) is not null)];
        IReadOnlyList<StoredSnapshot> others = suspicious.Length == 0 ? [] : await ListReadableAsync(repository, cancellationToken);
        foreach (ServiceSnapshot service in suspicious)
        {
            string better = SanityFacts.LastGood(others, stored.Snapshot.Host, service.Name) is { } good
                ? $"its last good snapshot is {good.Id.Prefix} of {good.Snapshot.Time.LocalDateTime:yyyy-MM-dd HH:mm:ss}" : "no good snapshot of it was found";
            context.Terminal.Warn($"{service.Name} is suspicious in {stored.Id.Prefix}: it {SanityFacts.SuspicionOf(service)}; {better}");
        }
        return suspicious.Length > 0;
    }

    // That another snapshot is damaged keeps nobody from a restore.
    private static async Task<IReadOnlyList<StoredSnapshot>> ListReadableAsync(Repository repository, CancellationToken cancellationToken)
    {
        try
        {
            return await repository.ListSnapshotsAsync(cancellationToken);
        }
        catch (RepositoryDamagedException)
        {
            return [];
        }
    }

    private static async Task<ExitCode> RestoreAsideAsync(
        CommandContext context, RestoreOptions options, Repository repository, StoredSnapshot stored, IReadOnlyList<ServiceSnapshot> services, CancellationToken cancellationToken)
    {
        var request = new RestoreRequest
        {
            Target = CommandContext.AbsolutePath(context.Value(options.Target)!),
            Services = services,
            Include = [.. (context.Value(options.Include) ?? []).Select(Glob.Parse)],
            Overwrite = context.Value(options.Overwrite),
            DryRun = context.Value(options.DryRun),
        };
        var run = new RestoreRun(repository, await repository.LoadIndexAsync(cancellationToken), context.Progress);
        RestoreReport report = await run.RunAsync(request, cancellationToken);
        context.Progress.Dispose();
        if (context.Json) JsonReport.Write(context.Terminal, RestoreDocument.From(stored, report, request.DryRun), CliJson.Default.RestoreDocument);
        else if (!context.Quiet) context.Terminal.WriteLine($"{(request.DryRun ? "would restore" : "restored")} {report.Entries:N0} entries, {ByteSize.Format(report.Bytes)}, of snapshot {stored.Id.Prefix} ({stored.Snapshot.Time.LocalDateTime:yyyy-MM-dd HH:mm:ss}) to {report.Target}");
        return report.Findings.Count > 0 ? ExitCode.DoneWithWarnings : ExitCode.Done;
    }

    private static async Task<ExitCode> RestoreInPlaceAsync(
        CommandContext context, RestoreOptions options, Repository repository, StoredSnapshot stored, IReadOnlyList<ServiceSnapshot> services, CancellationToken cancellationToken)
    {
        BackupConfiguration configuration = context.ReadConfigurationDespiteSchedules();
        var request = new InPlaceRequest
        {
            Snapshot = stored,
            Services = services,
            Include = [.. (context.Value(options.Include) ?? []).Select(Glob.Parse)],
            Owners = context.Value(options.NumericOwner) ? OwnerPolicy.Numeric : context.Value(options.MapOwners) ? OwnerPolicy.ByName : OwnerPolicy.Checked,
            SkipsSafety = context.Value(options.NoSafety),
            AllowsNoUnit = context.Value(options.WithoutStopping),
            IgnoresVersions = context.Value(options.IgnoreVersion),
            DryRun = context.Value(options.DryRun),
        };
        var restore = new InPlaceRestore(configuration, repository, await repository.LoadIndexAsync(cancellationToken), context.ReplacementWorld(configuration));
        InPlaceReport report = await restore.RunAsync(request, cancellationToken);
        context.Progress.Dispose();
        context.Recorded?.Tell(report.Safety, report.Outcome);
        if (context.Json) JsonReport.Write(context.Terminal, InPlaceDocument.From(stored, report), CliJson.Default.InPlaceDocument);
        else InPlaceText.Print(context, stored, report);
        return InPlaceText.CodeOf(report, context.OwesRestarts);
    }
}

/// <summary>The JSON of <c>restore --target</c>.</summary>
public sealed record RestoreDocument(string Snapshot, string Target, bool DryRun, long Entries, long Bytes, LeftOut[] Warnings)
{
    internal static RestoreDocument From(StoredSnapshot stored, RestoreReport report, bool dryRun) => new(stored.Id.Hex, report.Target.ToString(), dryRun, report.Entries, report.Bytes,
        [.. report.Findings.Select(static f => new LeftOut(f.Path.ToString(), f.Message))]);
}
