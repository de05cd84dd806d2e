using System.CommandLine;
using BackupTool.Cli.Output;
using BackupTool.Operations.Rotation;
using BackupTool.Operations.Snapshots;
using BackupTool.Repositories;

namespace BackupTool.Cli.Commands;

/// <summary><c>backup forget</c></summary>
internal static class ForgetCommand
{
    internal static Command Create(CommandHost host)
    {
        var snapshots = new Argument<string[]>("snapshot") { Description = $"Which: {SnapshotSelector.Syntax}", HelpName = "SNAPSHOT", Arity = ArgumentArity.OneOrMore };
        var dryRun = new Option<bool>("--dry-run", "-n") { Description = "Say what would be removed; remove nothing" };
        var force = new Option<bool>("--force") { Description = "Also the newest, and the newest verified, snapshot of a service; what is pinned must be unpinned before" };
        var lockWait = new LockWaitOption();
        return host.Create("forget", "Remove snapshots: all that are named, or none. What only they needed is freed by the next prune.", async (context, cancellationToken) =>
        {
            var request = new ForgetRequest { Selectors = context.Value(snapshots) ?? [], Force = context.Value(force), DryRun = context.Value(dryRun), LockWait = lockWait.ValueOrUsual(context) };
            Repository repository = await context.OpenRepositoryAsync(cancellationToken);
            ForgetReport report = await new ForgetRun(repository, context.Progress, context.Time).RunAsync(request, cancellationToken);
            context.Progress.Dispose();
            if (context.Json) JsonReport.Write(context.Terminal, ForgetDocument.From(report, request.DryRun), CliJson.Default.ForgetDocument);
            else if (!context.Quiet) Print(context.Terminal, report, request.DryRun);
            foreach (string warning in report.Warnings) context.Terminal.Warn(warning);
            return report.Warnings.Count > 0 ? ExitCode.DoneWithWarnings : ExitCode.Done;
        }, snapshots, dryRun, force, lockWait.Option);
    }

    private static void Print(Terminal terminal, ForgetReport report, bool dryRun)
    {
        foreach (StoredSnapshot one in report.Snapshots)
            terminal.WriteLine($"{(dryRun ? "would forget" : "forgot")} {one.Id.Prefix} of {one.Snapshot.Time.LocalDateTime:yyyy-MM-dd HH:mm:ss} ({string.Join(", ", one.Snapshot.Services.Select(static service => service.Name))})");
    }
}

/// <summary>The JSON of <c>forget</c>.</summary>
public sealed record ForgetDocument(bool DryRun, string[] Snapshots, string[] Warnings)
{
    internal static ForgetDocument From(ForgetReport report, bool dryRun) => new(dryRun, [.. report.Snapshots.Select(static one => one.Id.Hex)], [.. report.Warnings]);
}
