using System.Security.Cryptography;
using System.Text;
using System.Text.RegularExpressions;

namespace BackupTool.Services.Sources.Postgres;

/// <summary>The names that a database has around a replacement, none longer than a server keeps (63 bytes).</summary>
/// <param name="Live">The name that the service knows.</param>
/// <param name="Fresh">What is to come in its place, and what had come, after going back.</param>
/// <param name="Previous">What was there before, after the replacement.</param>
public sealed partial record DatabaseNames(string Live, string Fresh, string Previous)
{
    private const int MaxNameBytes = 63, MaxIdBytes = 32;

    /// <summary>
    /// <c>LIVE_backup_new_ID</c> and <c>LIVE_backup_old_ID</c>; the same every time. A long live name is cut, and a hash of the whole stands in for the rest.
    /// </summary>
    /// <exception cref="SourceException">The live name is empty, or longer than a server keeps.</exception>
    /// <exception cref="ArgumentException">The id is empty or longer than 32 bytes.</exception>
    public static DatabaseNames For(string live, string replacementId)
    {
        ArgumentNullException.ThrowIfNull(live);
        ArgumentException.ThrowIfNullOrEmpty(replacementId);
        if (Encoding.UTF8.GetByteCount(replacementId) > MaxIdBytes || replacementId.Contains('\0')) throw new ArgumentException("no id for a database's name", nameof(replacementId));
        int length = Encoding.UTF8.GetByteCount(live);
        if (length is 0 or > MaxNameBytes || live.Contains('\0'))
            throw new SourceException($"`{live}` cannot be a PostgreSQL database's name: it is {(length > MaxNameBytes ? $"longer than {MaxNameBytes} bytes" : "empty, or holds a NUL")}", "Correct it in the configuration.");
        return new DatabaseNames(live, Beside(live, $"_backup_new_{replacementId}"), Beside(live, $"_backup_old_{replacementId}"));
    }

    /// <summary>Whether a name is one that a replacement gives to what does not live: no service's, and left out of backups of a whole server.</summary>
    public static bool IsPutAside(string name)
    {
        ArgumentNullException.ThrowIfNull(name);
        return PutAside().IsMatch(name);
    }

    [GeneratedRegex("_backup_(new|old)_[0-9]{12}[0-9a-f]{4}$", RegexOptions.CultureInvariant)]
    private static partial Regex PutAside();

    /// <summary>The name of a side.</summary>
    public string Of(DatabaseSide side) => side == DatabaseSide.Fresh ? Fresh : Previous;

    private static string Beside(string live, string suffix)
    {
        int room = MaxNameBytes - Encoding.UTF8.GetByteCount(suffix);
        if (Encoding.UTF8.GetByteCount(live) <= room) return live + suffix;
        string hash = $"_{Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(live)).AsSpan(0, 4))}";
        int kept = 0, bytes = 0;
        foreach (Rune rune in live.EnumerateRunes())
        {
            if (bytes + rune.Utf8SequenceLength > room - hash.Length) break;
            bytes += rune.Utf8SequenceLength;
            kept += rune.Utf16SequenceLength;
        }
        return live[..kept] + hash + suffix;
    }
}

/// <summary>One of the two sides of a replacement.</summary>
public enum DatabaseSide
{
    /// <summary>What was made to come in the live one's place.</summary>
    Fresh,

    /// <summary>What was live before.</summary>
    Previous,
}
