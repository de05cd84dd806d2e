using System.Diagnostics.CodeAnalysis;
using System.Security.Cryptography;
using BackupTool.Repositories.Packs;

namespace BackupTool.Repositories.Snapshots;

/// <summary>Names a snapshot: the SHA-256 of its file, as 64 lower-case hexadecimal digits. People see and type a prefix.</summary>
public readonly record struct SnapshotId
{
    private const string Suffix = ".json";
    internal const string Folder = "snapshots/";

    private SnapshotId(string hex) => Hex = hex;

    /// <summary>The digits.</summary>
    public string Hex { get; }

    /// <summary>The first eight digits, as lists show it.</summary>
    public string Prefix => Hex[..8];

    /// <summary>Where it lies in the repository.</summary>
    public string FileName => $"{Folder}{Hex}{Suffix}";

    internal static SnapshotId Of(ReadOnlySpan<byte> content) => new(Convert.ToHexStringLower(SHA256.HashData(content)));

    /// <summary>Reads a name as <see cref="FileName"/> writes it.</summary>
    public static bool TryParseFileName(string name, [NotNullWhen(true)] out SnapshotId? id)
    {
        bool valid = name.StartsWith(Folder, StringComparison.Ordinal) && name.EndsWith(Suffix, StringComparison.Ordinal)
            && PackId.TryParse(name[Folder.Length..^Suffix.Length], out _);
        id = valid ? new SnapshotId(name[Folder.Length..^Suffix.Length]) : null;
        return valid;
    }

    /// <summary>The digits.</summary>
    public override string ToString() => Hex;
}
