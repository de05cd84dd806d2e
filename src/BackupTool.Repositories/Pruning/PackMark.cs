using System.Security.Cryptography;
using System.Text.Json;
using BackupTool.Repositories.Packs;
using BackupTool.Repositories.Storage;

namespace BackupTool.Repositories.Pruning;

/// <summary><c>pruning/&lt;sha256&gt;.json</c>: packs that nothing needed at a moment. A mark only ever delays: what is marked is looked at anew before it goes.</summary>
public sealed record PackMark
{
    /// <summary>1.</summary>
    public required int FormatVersion { get; init; }

    /// <summary>When nothing needed them, in UTC.</summary>
    public required DateTimeOffset MarkedAt { get; init; }

    /// <summary>The digests in their names, sorted.</summary>
    public required string[] Packs { get; init; }
}

/// <summary>The marks in a repository.</summary>
internal static class PackMarks
{
    internal const string Folder = "pruning/";
    private const string Suffix = ".json";
    private const int MaxBytes = 256 << 20, Version = 1;

    /// <summary>The digest that a name states, or null when it is no name of a mark.</summary>
    internal static string? DigestInName(string name) =>
        name.StartsWith(Folder, StringComparison.Ordinal) && name.EndsWith(Suffix, StringComparison.Ordinal)
        && PackId.TryParse(name[Folder.Length..^Suffix.Length], out PackId? digest) ? digest.Value.Hex : null;

    /// <summary>When each marked pack was marked: the latest time of several. A mark that cannot be read is told and does not count, so that its packs wait anew.</summary>
    internal static async ValueTask<Dictionary<PackId, DateTimeOffset>> ReadAsync(IStorage storage, Action<string> warn, CancellationToken cancellationToken)
    {
        var marked = new Dictionary<PackId, DateTimeOffset>();
        foreach (StoredFile file in await storage.ListAsync(Folder, cancellationToken))
        {
            if (DigestInName(file.Name) is null) continue;
            if (await TryReadAsync(storage, file.Name, cancellationToken) is not { } mark)
            {
                warn($"{file.Name} cannot be read: the packs that it marked wait anew");
                continue;
            }
            foreach (string hex in mark.Packs)
                if (PackId.TryParse(hex, out PackId? id) && (!marked.TryGetValue(id.Value, out DateTimeOffset other) || other < mark.MarkedAt)) marked[id.Value] = mark.MarkedAt;
        }
        return marked;
    }

    /// <summary>Null when it is damaged, or not of this version.</summary>
    internal static async ValueTask<PackMark?> TryReadAsync(IStorage storage, string name, CancellationToken cancellationToken)
    {
        try
        {
            byte[] content = await storage.ReadAllAsync(name, MaxBytes, cancellationToken);
            if (Convert.ToHexStringLower(SHA256.HashData(content)) != DigestInName(name)) return null;
            PackMark? mark = JsonSerializer.Deserialize(content, RepositoryJson.Default.PackMark);
            return mark?.FormatVersion == Version ? mark : null;
        }
        catch (Exception e) when (e is JsonException or InvalidDataException or EndOfStreamException)
        {
            return null;
        }
    }

    /// <summary>Makes these the marks, and no others. New files are durable before old ones go: killed between, a pack is in two, and the later counts.</summary>
    internal static async ValueTask WriteAsync(IStorage storage, IEnumerable<(PackId Pack, DateTimeOffset MarkedAt)> marked, CancellationToken cancellationToken)
    {
        var old = (await storage.ListAsync(Folder, cancellationToken)).Where(static file => DigestInName(file.Name) is not null).Select(static file => file.Name).ToHashSet();
        var wanted = new HashSet<string>();
        foreach (IGrouping<DateTimeOffset, PackId> group in marked.GroupBy(static m => m.MarkedAt, static m => m.Pack))
        {
            var mark = new PackMark { FormatVersion = Version, MarkedAt = group.Key, Packs = [.. group.Select(static id => id.Hex).Order(StringComparer.Ordinal)] };
            byte[] content = [.. JsonSerializer.SerializeToUtf8Bytes(mark, RepositoryJson.Default.PackMark), (byte)'\n'];
            string name = $"{Folder}{Convert.ToHexStringLower(SHA256.HashData(content))}{Suffix}";
            wanted.Add(name);
            if (!old.Contains(name)) await storage.PutAsync(name, content, cancellationToken);
        }
        foreach (string name in old.Where(name => !wanted.Contains(name))) await storage.DeleteAsync(name, cancellationToken);
    }
}
