using System.Globalization;
using System.Text;
using BackupTool.Posix;

namespace BackupTool.Operations.Replacing;

/// <summary>Paths in a journal: UTF-8 text in which every byte that is not part of such, every control character and the percent sign itself stand as <c>%XX</c>. Loses nothing.</summary>
internal static class PathText
{
    internal static string Write(BytePath path)
    {
        ReadOnlySpan<byte> bytes = path.Bytes;
        var text = new StringBuilder(bytes.Length);
        while (!bytes.IsEmpty)
        {
            bool isValid = Rune.DecodeFromUtf8(bytes, out Rune rune, out int used) == System.Buffers.OperationStatus.Done;
            if (isValid && !Rune.IsControl(rune) && rune.Value != '%') text.Append(rune.ToString());
            else foreach (byte b in bytes[..used]) text.Append(CultureInfo.InvariantCulture, $"%{b:X2}");
            bytes = bytes[used..];
        }
        return text.ToString();
    }

    /// <exception cref="FormatException">It was not written by <see cref="Write"/>.</exception>
    internal static BytePath Read(string text)
    {
        byte[] bytes = Encoding.UTF8.GetBytes(text);
        var path = new List<byte>(bytes.Length);
        for (int i = 0; i < bytes.Length; i++)
        {
            if (bytes[i] != '%') path.Add(bytes[i]);
            else if (i + 2 < bytes.Length && byte.TryParse(bytes.AsSpan(i + 1, 2), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out byte escaped)) (escaped, i) = Take(path, escaped, i);
            else throw new FormatException($"'{text}' has a percent sign that two digits do not follow.");
        }
        return new BytePath([.. path]);
    }

    private static (byte Escaped, int Position) Take(List<byte> path, byte escaped, int position)
    {
        path.Add(escaped);
        return (escaped, position + 2);
    }
}
