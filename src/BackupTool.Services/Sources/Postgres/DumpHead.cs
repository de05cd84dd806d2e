using System.Text;
using System.Text.RegularExpressions;

namespace BackupTool.Services.Sources.Postgres;

/// <summary>
/// The beginning of a dump, with its table of contents: read once to learn the database's encoding and locale, and given out again before the rest. pg_restore itself reads it, so whatever
/// version of the format it can restore is understood here.
/// </summary>
internal sealed partial class DumpHead
{
    private const int LargestHead = 64 << 20;

    private readonly byte[] _bytes;
    private readonly int _length;

    private DumpHead(byte[] bytes, int length)
    {
        _bytes = bytes;
        _length = length;
    }

    internal ReadOnlyMemory<byte> Bytes => _bytes.AsMemory(0, _length);

    /// <summary>The end of a CREATE DATABASE statement, as <c>ENCODING = 'UTF8' LOCALE = 'C'</c>.</summary>
    internal string DatabaseOptions { get; private set; } = "";

    /// <summary>Reads as much of the dump as pg_restore needs to tell how the database was made.</summary>
    /// <exception cref="SourceException">It is no dump, or damaged at its beginning.</exception>
    internal static async Task<DumpHead> ReadAsync(Stream dump, PostgresEndpoint access, string restoreProgram, CancellationToken cancellationToken)
    {
        var bytes = new byte[1 << 20];
        int length = 0;
        while (true)
        {
            int read = await dump.ReadAtLeastAsync(bytes.AsMemory(length), bytes.Length - length, throwOnEndOfStream: false, cancellationToken);
            length += read;
            var head = new DumpHead(bytes, length);
            ProgramEnd end = await head.ReadStatementAsync(access, restoreProgram, cancellationToken);
            if (end.IsSuccess && head.DatabaseOptions.Length > 0) return head;
            if (end.IsSuccess) throw new SourceException("the dump does not say how its database was made", "Make it with pg_dump's custom format.");
            // A table of contents larger than what was read looks like a truncated file.
            if (length < bytes.Length || length >= LargestHead) throw ProgramOutputStream.Explain(end, access, "pg_restore");
            Array.Resize(ref bytes, bytes.Length * 4);
        }
    }

    private async Task<ProgramEnd> ReadStatementAsync(PostgresEndpoint access, string restoreProgram, CancellationToken cancellationToken)
    {
        using ChildProgram child = ChildProgram.Start(access.RunAs, restoreProgram, ["--create", "--schema-only", "--section=pre-data", "--file=-"], takesInput: true);
        using CancellationTokenRegistration onCancel = cancellationToken.Register(child.Kill);
        Task feeding = FeedAsync(child);
        using var reader = new StreamReader(child.Output, Encoding.UTF8);
        while (await reader.ReadLineAsync(CancellationToken.None) is { } line)
            if (line.StartsWith("CREATE DATABASE ", StringComparison.Ordinal) && DatabaseOptions.Length == 0) DatabaseOptions = OptionsIn(line);
        await feeding;
        ProgramEnd end = await child.Ended;
        cancellationToken.ThrowIfCancellationRequested();
        return end;
    }

    // Whatever pg_restore does not take, it does not want: it says itself what it lacks.
    private async Task FeedAsync(ChildProgram child)
    {
        try
        {
            await child.Input.WriteAsync(Bytes, CancellationToken.None);
        }
        catch (IOException)
        {
            return;
        }
        finally
        {
            child.CloseInput();
        }
    }

    /// <summary>Those of the options that say how text is kept; not the tablespace, which this server may not have.</summary>
    private static string OptionsIn(string statement) => string.Join(' ', Option().Matches(statement).Select(match => match.Value));

    [GeneratedRegex(@"\b(ENCODING|LOCALE_PROVIDER|LOCALE|LC_COLLATE|LC_CTYPE|ICU_LOCALE|ICU_RULES|BUILTIN_LOCALE) = ('[^']*'|libc|icu|builtin)(?=[ ;])")]
    private static partial Regex Option();
}
