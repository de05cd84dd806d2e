using System.Security.Cryptography;
using System.Text.Json;
using BackupTool.Repositories.Storage;

namespace BackupTool.Repositories.Verification;

/// <summary>Evidence as far as it can be read.</summary>
/// <param name="Reports">The reports, oldest first.</param>
/// <param name="Unreadable">Files that cannot be read or understood. They prove nothing, and are no reason to stop.</param>
public sealed record EvidenceList(IReadOnlyList<Evidence> Reports, IReadOnlyList<VerificationProblem> Unreadable);

/// <summary>Reads the reports in <c>evidence/</c>.</summary>
public static class EvidenceReader
{
    /// <summary>Reads them all. What is damaged, or of a newer version, is passed over and named.</summary>
    /// <param name="storage">The repository's.</param>
    /// <param name="cancellationToken">Ends it.</param>
    public static async ValueTask<EvidenceList> ReadAsync(IStorage storage, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(storage);
        var reports = new List<Evidence>();
        var unreadable = new List<VerificationProblem>();
        foreach (StoredFile file in await storage.ListAsync(EvidenceFile.Folder, cancellationToken))
        {
            if (EvidenceFile.DigestInName(file.Name) is not { } digest) continue;
            try
            {
                reports.Add(Parse(await storage.ReadAllAsync(file.Name, EvidenceFile.MaxBytes, cancellationToken), digest));
            }
            catch (Exception e) when (e is JsonException or InvalidDataException or IOException)
            {
                unreadable.Add(new VerificationProblem(file.Name, e.Message));
            }
        }
        return new EvidenceList([.. reports.OrderBy(static report => report.Time)], unreadable);
    }

    private static Evidence Parse(byte[] content, string digest)
    {
        if (Convert.ToHexStringLower(SHA256.HashData(content)) != digest) throw new InvalidDataException("its contents are not what its name says");
        Evidence evidence = JsonSerializer.Deserialize(content, RepositoryJson.Default.Evidence) ?? throw new JsonException("null");
        return evidence.FormatVersion == 1 ? evidence : throw new JsonException($"it has format {evidence.FormatVersion}");
    }
}
