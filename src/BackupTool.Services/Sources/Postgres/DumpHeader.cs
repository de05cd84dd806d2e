using System.Buffers.Binary;
using System.Text;
using System.Text.RegularExpressions;

namespace BackupTool.Services.Sources.Postgres;

/// <summary>The first bytes of a dump in pg_dump's custom format, before its table of contents (pg_backup_archiver.c, ReadHead).</summary>
/// <param name="Format">The second part of the format's version: 14 of 1.14.</param>
/// <param name="ServerVersion">Of the server that was dumped, as it says it.</param>
/// <param name="ProgramVersion">Of the pg_dump.</param>
internal sealed partial record DumpHeader(int Format, string ServerVersion, string ProgramVersion)
{
    private const int LongestText = 1000, Dates = 7;

    /// <summary>The oldest major version whose pg_restore reads the format; 0 for all that are in use.</summary>
    internal int OldestReader => Format switch { >= 16 => 17, 15 => 16, _ => 0 };

    /// <summary>15 of "15.18 (Debian 15.18-0)"; 0 when it says none.</summary>
    internal static int Major(string version) => Number().Match(version) is { Success: true } match ? int.Parse(match.ValueSpan, System.Globalization.CultureInfo.InvariantCulture) : 0;

    /// <summary>Null when this is no dump of that kind: pg_restore says then what it is.</summary>
    internal static DumpHeader? Read(ReadOnlySpan<byte> dump)
    {
        if (dump.Length < 11 || !dump.StartsWith("PGDMP\x01"u8) || dump[8] != 4) return null;
        int format = dump[6], at = 11 + (format >= 15 ? 1 : 5) + (Dates * 5);
        return TryText(dump, ref at, out _) && TryText(dump, ref at, out string server) && TryText(dump, ref at, out string program) ? new DumpHeader(format, server, program) : null;
    }

    private static bool TryText(ReadOnlySpan<byte> dump, ref int at, out string text)
    {
        text = "";
        if (at + 5 > dump.Length) return false;
        int length = dump[at] == 0 ? BinaryPrimitives.ReadInt32LittleEndian(dump[(at + 1)..]) : 0;
        at += 5;
        if (length is < 0 or > LongestText || at + length > dump.Length) return false;
        text = Encoding.UTF8.GetString(dump.Slice(at, length));
        at += length;
        return true;
    }

    [GeneratedRegex(@"^\d{1,4}")]
    private static partial Regex Number();
}
