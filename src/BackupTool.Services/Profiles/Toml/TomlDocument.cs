using System.Text;
using System.Text.Unicode;
using Tomlyn;
using Tomlyn.Parsing;
using Tomlyn.Syntax;

namespace BackupTool.Services.Profiles.Toml;

/// <summary>
/// Something in a TOML file that is not TOML. <paramref name="Message"/> may quote the file: never show it for a file that can hold secrets,
/// say <paramref name="Place"/> alone.
/// </summary>
public sealed record TomlProblem(TextPlace Place, string Message);

/// <summary>
/// A TOML file with the place of every key and value. Read from the parser's syntax tree: mapping onto types would need reflection and would
/// lose the places.
/// </summary>
/// <param name="Root">The whole document. Whatever could be read, when there are problems.</param>
/// <param name="Problems">In the order of the file, one a line at most: what follows an error on its line is its echo.</param>
public sealed record TomlDocument(TomlTable Root, IReadOnlyList<TomlProblem> Problems)
{
    /// <summary>Reads a document; never throws for what is in it.</summary>
    public static TomlDocument Parse(ReadOnlySpan<byte> content)
    {
        var root = new TomlTable(new TextPlace(1, 1));
        if (!Utf8.IsValid(content)) return new TomlDocument(root, [new TomlProblem(FindFirstInvalidByte(content), "a byte that is not UTF-8 text")]);

        DocumentSyntax syntax;
        try
        {
            syntax = SyntaxParser.Parse(Encoding.UTF8.GetString(content), sourceName: "", validate: false);
        }
        catch (TomlException e)
        {
            return new TomlDocument(root, [new TomlProblem(new TextPlace(Math.Max(e.Line ?? 1, 1), Math.Max(e.Column ?? 1, 1)), OneLine(e.Message))]);
        }
        var builder = new TomlTreeBuilder();
        builder.Fill(root, syntax);
        return new TomlDocument(root,
        [
            .. syntax.Diagnostics.Select(static message => new TomlProblem(PlaceOf(message.Span.Start), OneLine(message.Message)))
                .Concat(builder.Problems)
                .OrderBy(static problem => problem.Place)
                .DistinctBy(static problem => problem.Place.Line),
        ]);
    }

    internal static TextPlace PlaceOf(TextPosition position) => new(position.Line + 1, position.Column + 1);

    private static TextPlace FindFirstInvalidByte(ReadOnlySpan<byte> content)
    {
        int line = 1, column = 1;
        while (Rune.DecodeFromUtf8(content, out Rune rune, out int length) == System.Buffers.OperationStatus.Done)
        {
            (line, column) = rune.Value == '\n' ? (line + 1, 1) : (line, column + 1);
            content = content[length..];
        }
        return new TextPlace(line, column);
    }

    // The parser shows a line end as ␤ here and as itself there.
    private static string OneLine(string message) => message.ReplaceLineEndings(" ").Replace("token `newline`", "the end of the line", StringComparison.Ordinal);
}
