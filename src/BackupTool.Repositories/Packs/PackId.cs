using System.Diagnostics.CodeAnalysis;

namespace BackupTool.Repositories.Packs;

/// <summary>Names a pack: the SHA-256 of the file's bytes, as 64 lower-case hexadecimal digits.</summary>
public readonly record struct PackId
{
    private const string Folder = "packs/", Suffix = ".zst";

    private PackId(string hex) => Hex = hex;

    /// <summary>The digits.</summary>
    public string Hex { get; }

    /// <summary>The id of a file with this digest.</summary>
    public static PackId FromDigest(ReadOnlySpan<byte> digest) => new(Convert.ToHexStringLower(digest));

    /// <summary>Where it lies in the repository: <c>packs/ab/ab….zst</c>.</summary>
    public string FileName => $"{Folder}{Hex[..2]}/{Hex}{Suffix}";

    /// <summary>Reads 64 lower-case hexadecimal digits.</summary>
    public static bool TryParse(string text, [NotNullWhen(true)] out PackId? id)
    {
        id = text.Length == 64 && text.All(char.IsAsciiHexDigitLower) ? new PackId(text) : null;
        return id is not null;
    }

    /// <summary>Reads a name as <see cref="FileName"/> writes it.</summary>
    public static bool TryParseFileName(string name, [NotNullWhen(true)] out PackId? id)
    {
        id = null;
        return name.StartsWith(Folder, StringComparison.Ordinal) && name.EndsWith(Suffix, StringComparison.Ordinal)
            && name.Length == Folder.Length + 3 + 64 + Suffix.Length
            && TryParse(name[(Folder.Length + 3)..^Suffix.Length], out id) && id.Value.FileName == name;
    }

    /// <summary>The digits.</summary>
    public override string ToString() => Hex;
}
