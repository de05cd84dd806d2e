using System.CommandLine;
using BackupTool.Cli.Output;
using BackupTool.Operations.Rotation;
using BackupTool.Operations.Snapshots;
using BackupTool.Repositories;

namespace BackupTool.Cli.Commands;

/// <summary><c>backup pin</c> and <c>backup unpin</c></summary>
internal static class PinCommand
{
    internal static Command Create(CommandHost host) => Create(host, "pin", "Pin snapshots: neither 'rotate' nor 'forget' removes them.", isPinned: true);

    internal static Command CreateUnpin(CommandHost host) => Create(host, "unpin", "Take pins back: then the policies decide again.", isPinned: false);

    private static Command Create(CommandHost host, string name, string description, bool isPinned)
    {
        var snapshots = new Argument<string[]>("snapshot") { Description = $"Which: {SnapshotSelector.Syntax}", HelpName = "SNAPSHOT", Arity = ArgumentArity.OneOrMore };
        var lockWait = new LockWaitOption();
        return host.Create(name, description, async (context, cancellationToken) =>
        {
            Repository repository = await context.OpenRepositoryAsync(cancellationToken);
            PinReport report = await new PinRun(repository, context.Progress, context.Time).RunAsync(context.Value(snapshots) ?? [], isPinned, lockWait.ValueOrUsual(context), cancellationToken);
            context.Progress.Dispose();
            if (context.Json) JsonReport.Write(context.Terminal, PinDocument.From(report, isPinned), CliJson.Default.PinDocument);
            else if (!context.Quiet) Print(context.Terminal, report, isPinned);
            return report.Changed.Count > 0 ? ExitCode.Done : ExitCode.NothingToDo;
        }, snapshots, lockWait.Option);
    }

    private static void Print(Terminal terminal, PinReport report, bool isPinned)
    {
        foreach (StoredSnapshot one in report.Changed) terminal.WriteLine($"{one.Id.Prefix} of {one.Snapshot.Time.LocalDateTime:yyyy-MM-dd HH:mm:ss} is {(isPinned ? "pinned" : "no longer pinned")}");
        foreach (StoredSnapshot one in report.Unchanged) terminal.Info($"{one.Id.Prefix} {(isPinned ? "was pinned already" : "was not pinned")}");
    }
}

/// <summary>The JSON of <c>pin</c> and <c>unpin</c>.</summary>
public sealed record PinDocument(bool Pinned, string[] Changed, string[] Unchanged)
{
    internal static PinDocument From(PinReport report, bool isPinned) => new(isPinned, [.. report.Changed.Select(static one => one.Id.Hex)], [.. report.Unchanged.Select(static one => one.Id.Hex)]);
}
