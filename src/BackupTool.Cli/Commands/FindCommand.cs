using System.CommandLine;
using BackupTool.Cli.Output;
using BackupTool.Posix;
using BackupTool.Repositories;
using BackupTool.Repositories.Archives;
using BackupTool.Repositories.Index;
using BackupTool.Repositories.Snapshots;

namespace BackupTool.Cli.Commands;

/// <summary><c>backup find</c></summary>
internal static class FindCommand
{
    internal static Command Create(CommandHost host)
    {
        var pattern = new Argument<string>("glob") { Description = "What to look for: bot.db, '*.mbp', 'var/lib/maubot/**'", HelpName = "GLOB" };
        var services = new Option<string[]>("--service", "-s") { Description = "Only in this service (may be given several times)", HelpName = "NAME" };
        var all = new Option<bool>("--all", "-a") { Description = "Also tell of snapshots in which a file is the same as in the one before" };
        return host.Create("find", "Find files in all snapshots, newest first; each version once.", async (context, cancellationToken) =>
        {
            var glob = Glob.Parse(context.Value(pattern)!);
            Repository repository = await context.OpenRepositoryAsync(cancellationToken);
            ChunkIndex index = await repository.LoadIndexAsync(cancellationToken);
            var seen = new HashSet<string>();
            var found = new List<FoundDocument>();
            foreach (StoredSnapshot stored in (await repository.ListSnapshotsAsync(cancellationToken)).Reverse())
            {
                foreach (ServiceSnapshot service in stored.Snapshot.Services.Where(s => context.Value(services) is not { Length: > 0 } names || names.Contains(s.Name)))
                {
                    using var reader = new ArchiveReader(repository, index, service.Archive);
                    await foreach (CatalogEntry entry in reader.ReadCatalogAsync(cancellationToken))
                    {
                        if (!glob.IsMatch(entry.Path, entry.Kind == FileKind.Directory)) continue;
                        if (!seen.Add($"{service.Name} {entry.Path} {entry.ContentKey} {entry.LinkTarget} {entry.Size}") && !context.Value(all)) continue;
                        found.Add(new FoundDocument(stored.Id.Hex, stored.Snapshot.Time, service.Name, MemberDocument.From(entry)));
                        if (!context.Json) context.Terminal.WriteLine($"{stored.Id.Prefix}  {service.Name}  {ShowCommand.Line(entry)}");
                    }
                }
            }
            if (context.Json) JsonReport.Write(context.Terminal, new FindDocument([.. found]), CliJson.Default.FindDocument);
            else if (found.Count == 0) context.Terminal.Info("nothing matches");
            return found.Count == 0 ? ExitCode.NothingToDo : ExitCode.Done;
        }, pattern, services, all);
    }
}

/// <summary>The JSON of <c>find</c>.</summary>
public sealed record FindDocument(FoundDocument[] Found);

/// <summary>One version of a file.</summary>
public sealed record FoundDocument(string Snapshot, DateTimeOffset Time, string Service, MemberDocument Member);
