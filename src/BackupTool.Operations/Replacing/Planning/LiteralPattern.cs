using System.Text;
using BackupTool.Posix;

namespace BackupTool.Operations.Replacing.Planning;

/// <summary>A path as a pattern that matches nothing else: for hints that an operator copies.</summary>
internal static class LiteralPattern
{
    internal static string Of(BytePath path)
    {
        var text = new StringBuilder();
        ReadOnlySpan<byte> rest = path.WithoutLeadingSlash().Bytes;
        while (!rest.IsEmpty)
        {
            _ = Rune.DecodeFromUtf8(rest, out _, out int used);
            // What is no printable text comes as \xNN already.
            if (rest[0] is (byte)'*' or (byte)'?' or (byte)'[' or (byte)']' or (byte)'\\') text.Append('\\');
            text.Append(new BytePath(rest[..used]));
            rest = rest[used..];
        }
        return text.ToString();
    }
}
