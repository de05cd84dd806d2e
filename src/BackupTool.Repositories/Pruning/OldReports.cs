using System.Text.Json;
using BackupTool.Repositories.Storage;
using BackupTool.Repositories.Verification;

namespace BackupTool.Repositories.Pruning;

/// <summary>Removes reports of verifications that name no snapshot any more. The newest stay whatever they name, and so does every one that cannot be read.</summary>
internal static class OldReports
{
    private const int Kept = 100;

    /// <summary>Returns how many were removed.</summary>
    internal static async Task<int> RemoveAsync(IStorage storage, IReadOnlySet<string> snapshots, CancellationToken cancellationToken)
    {
        IReadOnlyList<StoredFile> files = await storage.ListAsync(EvidenceFile.Folder, cancellationToken);
        if (files.Count <= Kept) return 0;
        var reports = new List<(string Name, Evidence Report)>();
        foreach (StoredFile file in files)
            if (EvidenceFile.DigestInName(file.Name) is not null && await TryReadAsync(storage, file.Name, cancellationToken) is { } report) reports.Add((file.Name, report));
        int removed = 0;
        foreach ((string name, Evidence report) in reports.OrderByDescending(static r => r.Report.Time).Skip(Kept))
        {
            if (report.Snapshots.Any(snapshots.Contains)) continue;
            await storage.DeleteAsync(name, cancellationToken);
            removed++;
        }
        return removed;
    }

    private static async Task<Evidence?> TryReadAsync(IStorage storage, string name, CancellationToken cancellationToken)
    {
        try
        {
            return JsonSerializer.Deserialize(await storage.ReadAllAsync(name, EvidenceFile.MaxBytes, cancellationToken), RepositoryJson.Default.Evidence);
        }
        catch (Exception e) when (e is JsonException or InvalidDataException or EndOfStreamException)
        {
            return null;   // damaged, or of a newer version: verify tells, and it is not for us to judge
        }
    }
}
