using System.CommandLine;
using BackupTool.Cli.Output;
using BackupTool.Operations.Restore;
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
        Argument<string> snapshot = SnapshotArgument.Create();
        var target = new Option<string>("--target", "-t") { Description = "Directory to restore into; new or empty", HelpName = "DIR", Required = true };
        var services = new Option<string[]>("--service", "-s") { Description = "Only this service (may be given several times)", HelpName = "NAME" };
        var include = new Option<string[]>("--include", "-i") { Description = "Only paths that match, such as 'plugins/*.mbp' or bot.db (may be given several times)", HelpName = "GLOB" };
        var overwrite = new Option<bool>("--overwrite") { Description = "Restore into a directory that is not empty, replacing files of the same names" };
        var dryRun = new Option<bool>("--dry-run", "-n") { Description = "Say what would be restored; write nothing" };
        return host.Create("restore", "Restore a snapshot, or a part of it, into a directory. Paths are kept: /var/lib/x becomes DIR/var/lib/x.", async (context, cancellationToken) =>
        {
            await context.RecoverFirstAsync(cancellationToken);
            Repository repository = await context.OpenRepositoryAsync(cancellationToken);
            await using IAsyncDisposable held = await context.LockForReadingAsync(repository, "restore", cancellationToken);
            StoredSnapshot stored = await CommandContext.SelectSnapshotAsync(repository, context.Value(snapshot)!, cancellationToken);
            var request = new RestoreRequest
            {
                Target = CommandContext.AbsolutePath(context.Value(target)!),
                Services = context.Value(services) is { Length: > 0 } names ? [.. names.Select(name => SnapshotSelector.Service(stored, name))] : stored.Snapshot.Services,
                Include = [.. (context.Value(include) ?? []).Select(Glob.Parse)],
                Overwrite = context.Value(overwrite),
                DryRun = context.Value(dryRun),
            };
            var run = new RestoreRun(repository, await repository.LoadIndexAsync(cancellationToken), context.Progress);
            RestoreReport report = await run.RunAsync(request, cancellationToken);
            context.Progress.Dispose();
            if (context.Json) JsonReport.Write(context.Terminal, RestoreDocument.From(stored, report, request.DryRun), CliJson.Default.RestoreDocument);
            else if (!context.Quiet) context.Terminal.WriteLine($"{(request.DryRun ? "would restore" : "restored")} {report.Entries:N0} entries, {ByteSize.Format(report.Bytes)}, of snapshot {stored.Id.Prefix} ({stored.Snapshot.Time.LocalDateTime:yyyy-MM-dd HH:mm:ss}) to {report.Target}");
            return report.Findings.Count > 0 ? ExitCode.DoneWithWarnings : ExitCode.Done;
        }, snapshot, target, services, include, overwrite, dryRun);
    }
}

/// <summary>The JSON of <c>restore</c>.</summary>
public sealed record RestoreDocument(string Snapshot, string Target, bool DryRun, long Entries, long Bytes, LeftOut[] Warnings)
{
    internal static RestoreDocument From(StoredSnapshot stored, RestoreReport report, bool dryRun) => new(stored.Id.Hex, report.Target.ToString(), dryRun, report.Entries, report.Bytes,
        [.. report.Findings.Select(static f => new LeftOut(f.Path.ToString(), f.Message))]);
}
