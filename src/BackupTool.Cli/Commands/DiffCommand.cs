using System.CommandLine;
using BackupTool.Cli.Output;
using BackupTool.Operations.Snapshots;
using BackupTool.Repositories;

namespace BackupTool.Cli.Commands;

/// <summary><c>backup diff</c></summary>
internal static class DiffCommand
{
    internal static Command Create(CommandHost host)
    {
        Argument<string> older = SnapshotArgument.Create("older");
        Argument<string> newer = SnapshotArgument.Create("newer");
        newer.DefaultValueFactory = static _ => "latest";
        var services = new Option<string[]>("--service", "-s") { Description = "Only this service (may be given several times)", HelpName = "NAME" };
        return host.Create("diff", "Show what differs between two snapshots: + added, - removed, M content changed, m only owner, mode or time.", async (context, cancellationToken) =>
        {
            Repository repository = await context.OpenRepositoryAsync(cancellationToken);
            StoredSnapshot from = await CommandContext.SelectSnapshotAsync(repository, context.Value(older)!, cancellationToken);
            StoredSnapshot to = await CommandContext.SelectSnapshotAsync(repository, context.Value(newer)!, cancellationToken);
            var comparison = new SnapshotComparison(repository, await repository.LoadIndexAsync(cancellationToken));
            var changes = new List<SnapshotChange>();
            await foreach (SnapshotChange change in comparison.CompareAsync(from.Snapshot, to.Snapshot, context.Value(services) ?? [], cancellationToken))
            {
                changes.Add(change);
                if (!context.Json) context.Terminal.WriteLine($"{Letter(change.Kind)} {change.Service} /{change.Path}{Sizes(change)}");
            }
            if (context.Json) JsonReport.Write(context.Terminal, new DiffDocument(from.Id.Hex, to.Id.Hex, [.. changes]), CliJson.Default.DiffDocument);
            else context.Terminal.Info(changes.Count == 0 ? "no differences" : $"{changes.Count:N0} differences");
            return ExitCode.Done;
        }, older, newer, services);
    }

    private static char Letter(ChangeKind kind) => kind switch
    {
        ChangeKind.Added => '+',
        ChangeKind.Removed => '-',
        ChangeKind.Changed => 'M',
        _ => 'm',
    };

    private static string Sizes(SnapshotChange change) => change.Kind == ChangeKind.Changed && change.OldSize != change.NewSize
        ? $" ({ByteSize.Format(change.OldSize ?? 0)} → {ByteSize.Format(change.NewSize ?? 0)})" : "";
}

/// <summary>The JSON of <c>diff</c>.</summary>
public sealed record DiffDocument(string Older, string Newer, SnapshotChange[] Changes);
