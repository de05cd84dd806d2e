using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;

namespace BackupTool.Cli.Output;

/// <summary>What --json prints: one indented document on standard output, with a line feed after it.</summary>
public static class JsonReport
{
    // Names stay readable; control characters are escaped all the same. The document never becomes part of a web page.
    private static readonly JsonWriterOptions Options = new() { Indented = true, Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    /// <summary>Writes <paramref name="report"/> by its source-generated contract: a command prints exactly one.</summary>
    public static void Write<TReport>(Terminal terminal, TReport report, JsonTypeInfo<TReport> contract)
    {
        ArgumentNullException.ThrowIfNull(terminal);
        terminal.WriteDocument(stream => Write(stream, report, contract));
    }

    /// <summary>As the other, to a stream.</summary>
    public static void Write<TReport>(Stream stream, TReport report, JsonTypeInfo<TReport> contract)
    {
        ArgumentNullException.ThrowIfNull(stream);
        using (var writer = new Utf8JsonWriter(stream, Options)) JsonSerializer.Serialize(writer, report, contract);
        stream.WriteByte((byte)'\n');
    }
}
