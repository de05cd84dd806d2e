using System.Globalization;
using System.Text;
using BackupTool.Posix;

namespace BackupTool.Services.Sources.Sqlite;

/// <summary>A path as the URI that SQLite opens it by, whatever bytes it has: needed where flags of the URI, or an ATTACH, are.</summary>
internal static class SqliteUri
{
    /// <summary>The URI, with <paramref name="parameters"/> such as <c>immutable=1</c>: printable ASCII.</summary>
    internal static string Of(BytePath path, string parameters)
    {
        var uri = new StringBuilder("file:");
        foreach (byte b in path.Bytes)
        {
            if (b == '/' || char.IsAsciiLetterOrDigit((char)b)) uri.Append((char)b);
            else uri.Append('%').Append(b.ToString("X2", CultureInfo.InvariantCulture));
        }
        return uri.Append('?').Append(parameters).ToString();
    }
}
