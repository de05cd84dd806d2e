using System.Globalization;
using System.Text;
using BackupTool.Posix;

namespace BackupTool.Services.Sources.RocksDb;

/// <summary>One file of a backup that RocksDB's backup engine made.</summary>
/// <param name="Directory">Below the backup directory: <c>private/7</c>, <c>shared_checksum</c>.</param>
/// <param name="Name">Its name there.</param>
/// <param name="DatabaseName">Its name in the database.</param>
/// <param name="Size">Bytes, as the meta file or the file's own name says; null when neither does.</param>
/// <param name="Crc32c">Its CRC-32C; null when the meta file does not say.</param>
internal sealed record EngineBackupFile(string Directory, BytePath Name, BytePath DatabaseName, long? Size, uint? Crc32c)
{
    internal bool IsPrivate => Directory.StartsWith("private/", StringComparison.Ordinal);
}

/// <summary>
/// The file <c>meta/N</c> of RocksDB's backup engine, in its schema versions 1 and 2 (utilities/backup/backup_engine.cc, BackupMeta::LoadFromFile): time, sequence
/// number, application data, count, and a line per file: <c>shared_checksum/000009_sABC_1234.sst crc32 55</c>. The field is named crc32, the value is a CRC-32C.
/// </summary>
internal sealed record EngineBackupMeta
{
    /// <summary>When the backup was made, by the server's clock, in seconds since 1970.</summary>
    internal required long Timestamp { get; init; }

    /// <summary>The last write that is in it.</summary>
    internal required ulong SequenceNumber { get; init; }

    /// <summary>The files, in the order of the meta file.</summary>
    internal required IReadOnlyList<EngineBackupFile> Files { get; init; }

    /// <exception cref="FormatException">It is not such a file, or not whole. The message continues "…, because ".</exception>
    internal static EngineBackupMeta Parse(byte[] content, uint number)
    {
        if (content.Length == 0 || content[^1] != '\n') throw new FormatException("it does not end with a line end: it was cut short");
        string[] lines = Encoding.Latin1.GetString(content)[..^1].Split('\n');
        int at = 0, version = 1;
        if (lines[0].StartsWith("schema_version ", StringComparison.Ordinal))
        {
            string text = lines[at++]["schema_version ".Length..];
            version = text == "2" || text.StartsWith("2.", StringComparison.Ordinal) ? 2 : throw new FormatException("its schema version is not one that this version knows");
        }
        long timestamp = (long)ReadNumber(lines, at++, long.MaxValue);
        ulong sequence = ReadNumber(lines, at++, ulong.MaxValue);
        for (; at < lines.Length && !(lines[at].Length > 0 && char.IsAsciiDigit(lines[at][0])); at++)
        {
            string field = lines[at].Split(' ')[0];
            if (field == lines[at] || (version == 1 && field != "metadata")) throw new FormatException($"line {at + 1} is neither a field nor the number of files");
            if (field.StartsWith("ni::", StringComparison.Ordinal)) throw new FormatException("it has a field that only a newer version of RocksDB understands");
        }
        ulong count = ReadNumber(lines, at++, int.MaxValue);
        int end = version == 1 ? lines.Length : Array.IndexOf(lines, "// FOOTER", at) is >= 0 and int footer ? footer : lines.Length;
        if ((ulong)(end - at) != count) throw new FormatException($"it promises {count} files and lists {end - at}");
        List<EngineBackupFile> files = [.. lines[at..end].Select((line, i) => ReadFile(line, version, number, at + i + 1))];
        if (files.GroupBy(static file => file.DatabaseName).FirstOrDefault(static group => group.Count() > 1) is { } twice)
            throw new FormatException($"it lists {twice.Key} twice");
        return new EngineBackupMeta { Timestamp = timestamp, SequenceNumber = sequence, Files = files };
    }

    private static ulong ReadNumber(string[] lines, int at, ulong max) =>
        at < lines.Length && ulong.TryParse(lines[at], NumberStyles.None, CultureInfo.InvariantCulture, out ulong value) && value <= max ? value
            : throw new FormatException($"line {at + 1} is not a number");

    private static EngineBackupFile ReadFile(string line, int version, uint number, int lineNumber)
    {
        string[] parts = line.Split(' ');
        if (parts.Length % 2 == 0 || (version == 1 && (parts.Length != 3 || parts[1] != "crc32"))) throw new FormatException($"line {lineNumber} does not describe a file");
        long? size = null;
        uint? checksum = null;
        for (int i = 1; i < parts.Length; i += 2)
        {
            bool isNumber = ulong.TryParse(parts[i + 1], NumberStyles.None, CultureInfo.InvariantCulture, out ulong value);
            if (parts[i] is "crc32" && isNumber && value <= uint.MaxValue) checksum = (uint)value;
            else if (parts[i] is "size" && isNumber && value <= long.MaxValue) size = (long)value;
            else if (parts[i] is "crc32" or "size") throw new FormatException($"line {lineNumber} has no number after `{parts[i]}`");
            else if (parts[i] is "ni::excluded" && parts[i + 1] == "false") continue;
            else if (parts[i].StartsWith("ni::", StringComparison.Ordinal)) throw new FormatException($"line {lineNumber} is about a file that is kept elsewhere, or in a way only a newer version of RocksDB understands");
        }
        return Locate(parts[0], number, lineNumber, size, checksum);
    }

    private static EngineBackupFile Locate(string path, uint number, int lineNumber, long? size, uint? checksum)
    {
        int slash = path.LastIndexOf('/');
        string directory = slash < 0 ? "" : path[..slash], name = path[(slash + 1)..];
        string own = string.Create(CultureInfo.InvariantCulture, $"private/{number}");
        if (directory != own && directory is not ("shared" or "shared_checksum")) throw new FormatException($"line {lineNumber} names a file outside of the backup");
        string inDatabase = name;
        if (directory == "shared_checksum")
        {
            int underscore = name.IndexOf('_', StringComparison.Ordinal), dot = name.LastIndexOf('.');
            if (underscore < 0 || dot < underscore) throw new FormatException($"line {lineNumber} names a file that no database has");
            inDatabase = name[..underscore] + name[dot..];
            string last = name[(name.LastIndexOf('_') + 1)..dot];
            if (size is null && name.IndexOf('_', underscore + 1) > 0 && long.TryParse(last, NumberStyles.None, CultureInfo.InvariantCulture, out long named)) size = named;
        }
        var databaseName = new BytePath(Encoding.Latin1.GetBytes(inDatabase));
        if (RocksDbFile.RoleOf(databaseName) is not (RocksDbFileRole.Immutable or RocksDbFileRole.Mutable)) throw new FormatException($"line {lineNumber} names a file that no database has");
        return new EngineBackupFile(directory, new BytePath(Encoding.Latin1.GetBytes(name)), databaseName, size, checksum);
    }
}
