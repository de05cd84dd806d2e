using System.Security.Cryptography;
using System.Text.Json;
using BackupTool.Repositories.Packs;
using BackupTool.Repositories.Storage;

namespace BackupTool.Repositories.Verification;

/// <summary>The reports in <c>evidence/</c>.</summary>
public static class EvidenceFile
{
    internal const string Folder = "evidence/";
    internal const int MaxBytes = 16 << 20;

    internal static string? DigestInName(string name) =>
        name.StartsWith(Folder, StringComparison.Ordinal) && name.EndsWith(".json", StringComparison.Ordinal)
        && PackId.TryParse(name[Folder.Length..^5], out PackId? digest) ? digest.Value.Hex : null;

    /// <summary>Writes a report under the SHA-256 of its bytes; returns its name.</summary>
    public static async ValueTask<string> WriteAsync(IStorage storage, Evidence evidence, CancellationToken cancellationToken)
    {
        byte[] content = [.. JsonSerializer.SerializeToUtf8Bytes(evidence, RepositoryJson.Default.Evidence), (byte)'\n'];
        string name = $"{Folder}{Convert.ToHexStringLower(SHA256.HashData(content))}.json";
        await storage.PutAsync(name, content, cancellationToken);
        return name;
    }
}
