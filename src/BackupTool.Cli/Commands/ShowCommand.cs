using System.CommandLine;
using System.Globalization;
using BackupTool.Cli.Output;
using BackupTool.Operations.Snapshots;
using BackupTool.Posix;
using BackupTool.Repositories;
using BackupTool.Repositories.Archives;
using BackupTool.Repositories.Index;
using BackupTool.Repositories.Snapshots;

namespace BackupTool.Cli.Commands;

/// <summary><c>backup show</c></summary>
internal static class ShowCommand
{
    internal static Command Create(CommandHost host)
    {
        Argument<string> snapshot = SnapshotArgument.Create();
        var service = new Argument<string?>("service") { Description = "List what this service's archive holds", HelpName = "SERVICE", Arity = ArgumentArity.ZeroOrOne };
        var include = new Option<string[]>("--include", "-i") { Description = "In a list: only paths that match (may be given several times)", HelpName = "GLOB" };
        var path = new Argument<string?>("path") { Description = "Show this entry only: its path, the path below a root of the service, or a name or pattern that only one has", HelpName = "PATH", Arity = ArgumentArity.ZeroOrOne };
        var sql = new Option<string?>("--sql") { Description = "Ask the SQLite database PATH: one statement that reads, such as 'SELECT * FROM client'. A private copy is asked, never the live one", HelpName = "STATEMENT" };
        var csv = new Option<bool>("--csv") { Description = "Print what --sql answers as CSV" };
        var tables = new Option<bool>("--tables") { Description = "List the tables of the SQLite database PATH, with their rows counted" };
        return host.Create("show", "Show what a snapshot says of itself; with a service, list its files; with a path, one of them, or ask it as a database (--sql, --tables).", async (context, cancellationToken) =>
        {
            var request = ShowRequest.From(context.Value(service), context.Value(path), context.Value(sql), context.Value(tables), context.Value(csv), context.Value(include) ?? [], context.Json);
            Repository repository = await context.OpenRepositoryAsync(cancellationToken);
            StoredSnapshot stored = await context.SelectSnapshotAsync(repository, context.Value(snapshot)!, context.Value(service) is { } asked ? [asked] : [], cancellationToken);
            if (context.Value(service) is not { } name)
            {
                SnapshotPins pins = await SnapshotPins.ReadAsync(repository.Storage, cancellationToken);
                if (context.Json) JsonReport.Write(context.Terminal, SnapshotDocument.From(stored, pins), CliJson.Default.SnapshotDocument);
                else Print(context.Terminal, stored, pins.IsPinned(stored));
                return ExitCode.Done;
            }
            ServiceSnapshot archive = SnapshotSelector.Service(stored, name);
            if (request.Path is not null) return await ShowMember.RunAsync(context, repository, stored, archive, request, cancellationToken);
            List<Glob> globs = [.. (context.Value(include) ?? []).Select(Glob.Parse)];
            ChunkIndex index = await repository.LoadIndexAsync(cancellationToken);
            var members = new List<MemberDocument>();
            using var reader = new ArchiveReader(repository, index, archive.Archive);
            await foreach (CatalogEntry entry in reader.ReadCatalogAsync(cancellationToken))
            {
                if (globs.Count > 0 && !globs.Exists(glob => glob.Covers(entry.Path, entry.Kind == FileKind.Directory))) continue;
                if (context.Json) members.Add(MemberDocument.From(entry));
                else context.Terminal.WriteLine(Line(entry));
            }
            if (context.Json) JsonReport.Write(context.Terminal, new MembersDocument(stored.Id.Hex, name, [.. members]), CliJson.Default.MembersDocument);
            return ExitCode.Done;
        }, snapshot, service, path, include, sql, csv, tables);
    }

    private static void Print(Terminal terminal, StoredSnapshot stored, bool isPinned)
    {
        Snapshot s = stored.Snapshot;
        terminal.WriteLine($"snapshot  {stored.Id.Hex}");
        terminal.WriteLine($"time      {s.Time.LocalDateTime:yyyy-MM-dd HH:mm:ss}, took {Duration.Format(TimeSpan.FromSeconds(s.Statistics.Seconds))}");
        terminal.WriteLine($"host      {s.Host}, backup {s.ToolVersion}");
        if (s.Schedule is { } schedule) terminal.WriteLine($"schedule  {schedule}");
        if (s.Labels.Length > 0) terminal.WriteLine($"labels    {string.Join(" ", s.Labels)}");
        if (isPinned) terminal.WriteLine("pinned    yes");
        if (s.WindowSeconds is { } window) terminal.WriteLine($"window    everything held still for {Duration.Format(TimeSpan.FromSeconds(window))}");
        terminal.WriteLine($"stored    {ByteSize.Format(s.Statistics.StoredBytes)} new; read {ByteSize.Format(s.Statistics.ReadBytes)}; {s.Statistics.ReusedEntries:N0} entries unchanged");
        foreach (ServiceSnapshot service in s.Services) Print(terminal, service);
        foreach (ServiceFailure failure in s.Failures) terminal.WriteLine($"\n{failure.Name} is NOT in this snapshot: {failure.Reason}", TextStyle.Error);
    }

    private static void Print(Terminal terminal, ServiceSnapshot service)
    {
        terminal.WriteLine();
        terminal.WriteLine($"{service.Name} ({service.Kind}, cut {service.Quiesce}): {service.Archive.Entries:N0} entries, {service.Archive.Files:N0} files, {ByteSize.Format(service.Archive.ContentBytes)}");
        string downtime = service.DowntimeSeconds is { } seconds ? $", downtime {Duration.Format(TimeSpan.FromSeconds(seconds))}" : "";
        if (service.Copy is { } copy) terminal.WriteLine($"  copy      {copy}{downtime}{(service.Unit is null ? "" : $" of {service.Unit}")}");
        if (service.CrashReason is { } reason) terminal.WriteLine($"  copy      is what a crash would leave: {reason}", TextStyle.Warning);
        foreach (string root in service.Roots) terminal.WriteLine($"  root      {root}");
        foreach ((string key, string value) in service.Facts) terminal.WriteLine($"  {key}: {value}");
        foreach (LeftOut left in service.LeftOut) terminal.WriteLine($"  left out  {left.Path}: {left.Reason}");
        foreach (LeftOut warning in service.Warnings) terminal.WriteLine($"  warning   {warning.Path}: {warning.Reason}", TextStyle.Warning);
    }

    /// <summary>As <c>ls -l</c> shows it.</summary>
    internal static string Line(CatalogEntry entry)
    {
        string owner = $"{(entry.UserName.Length > 0 ? entry.UserName : entry.Uid)}:{(entry.GroupName.Length > 0 ? entry.GroupName : entry.Gid)}";
        string target = entry.IsHardLink ? $" = {entry.LinkTarget}" : entry.Kind == FileKind.SymbolicLink ? $" -> {entry.LinkTarget}" : "";
        return string.Create(CultureInfo.InvariantCulture, $"{TypeLetter(entry)}{Permissions(entry.Mode)} {owner,-16} {ByteSize.Format(entry.Size),10} {entry.ModifiedAt.ToDateTimeOffset().LocalDateTime:yyyy-MM-dd HH:mm:ss} /{entry.Path}{target}");
    }

    private static char TypeLetter(CatalogEntry entry) => entry.IsHardLink ? 'h' : entry.IsDatabase ? 'D' : entry.Kind switch
    {
        FileKind.Directory => 'd',
        FileKind.SymbolicLink => 'l',
        FileKind.CharacterDevice => 'c',
        FileKind.BlockDevice => 'b',
        FileKind.Fifo => 'p',
        _ => '-',
    };

    private static string Permissions(uint mode)
    {
        Span<char> text = ['r', 'w', 'x', 'r', 'w', 'x', 'r', 'w', 'x'];
        for (int bit = 0; bit < 9; bit++)
            if ((mode & (0x100 >> bit)) == 0) text[bit] = '-';
        if ((mode & 0x800) != 0) text[2] = text[2] == 'x' ? 's' : 'S';
        if ((mode & 0x400) != 0) text[5] = text[5] == 'x' ? 's' : 'S';
        if ((mode & 0x200) != 0) text[8] = text[8] == 'x' ? 't' : 'T';
        return new string(text);
    }
}

/// <summary>The JSON of <c>show SNAPSHOT SERVICE</c>.</summary>
public sealed record MembersDocument(string Snapshot, string Service, MemberDocument[] Members);

/// <summary>A member of an archive in JSON. Names that are not UTF-8 have <c>\xNN</c> for such bytes.</summary>
public sealed record MemberDocument(string Path, string Kind, bool IsHardLink, bool IsDatabase, string Mode, uint Uid, uint Gid, string User, string Group, long Size, DateTimeOffset ModifiedAt, string? LinkTarget, string? Content)
{
    internal static MemberDocument From(CatalogEntry e) => new(e.Path.ToString(), e.Kind.ToString(), e.IsHardLink, e.IsDatabase, Convert.ToString(e.Mode, 8), e.Uid, e.Gid, e.UserName, e.GroupName,
        e.Size, e.ModifiedAt.ToDateTimeOffset(), e.LinkTarget.IsEmpty ? null : e.LinkTarget.ToString(), e.ContentKey.Length == 0 ? null : e.ContentKey);
}
