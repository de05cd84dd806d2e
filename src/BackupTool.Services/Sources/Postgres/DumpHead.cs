namespace BackupTool.Services.Sources.Postgres;

/// <summary>
/// The beginning of a dump, with its table of contents: read once to learn how the database was made and what it needs, and given out again before the rest. pg_restore itself reads it, so whatever
/// version of the format it can restore is understood here.
/// </summary>
internal sealed class DumpHead
{
    private const int LargestHead = 64 << 20;

    private readonly byte[] _bytes;
    private readonly int _length;

    private DumpHead(byte[] bytes, int length)
    {
        _bytes = bytes;
        _length = length;
        Header = DumpHeader.Read(Bytes.Span);
    }

    internal ReadOnlyMemory<byte> Bytes => _bytes.AsMemory(0, _length);

    /// <summary>Null when it is none that is understood here.</summary>
    internal DumpHeader? Header { get; }

    /// <summary>The pg_restore that can read it.</summary>
    internal string RestoreProgram { get; private set; } = "";

    internal DumpDefinition Definition { get; private set; } = null!;

    /// <summary>Reads as much of the dump as pg_restore needs to tell how the database was made.</summary>
    /// <exception cref="SourceException">It is no dump, or damaged at its beginning, or there is no pg_restore that reads it.</exception>
    internal static async Task<DumpHead> ReadAsync(Stream dump, PostgresEndpoint access, int serverMajor, CancellationToken cancellationToken)
    {
        var bytes = new byte[1 << 20];
        int length = 0;
        while (true)
        {
            int read = await dump.ReadAtLeastAsync(bytes.AsMemory(length), bytes.Length - length, throwOnEndOfStream: false, cancellationToken);
            length += read;
            var head = new DumpHead(bytes, length);
            head.RestoreProgram = await PostgresPrograms.FindAsync("pg_restore", Math.Max(serverMajor, head.Header?.OldestReader ?? 0), access.RunAs, access.Options, cancellationToken);
            ProgramEnd end = await head.ReadDefinitionAsync(access, cancellationToken);
            if (end.IsSuccess && head.Definition.SaysHow) return head;
            if (end.IsSuccess) throw new SourceException("the dump does not say how its database was made", "Make it with pg_dump's custom format.");
            // A table of contents larger than what was read looks like a truncated file.
            if (length < bytes.Length || length >= LargestHead) throw ProgramOutputStream.Explain(end, access, "pg_restore");
            Array.Resize(ref bytes, bytes.Length * 4);
        }
    }

    private async Task<ProgramEnd> ReadDefinitionAsync(PostgresEndpoint access, CancellationToken cancellationToken)
    {
        using ChildProgram child = ChildProgram.Start(access.RunAs, RestoreProgram, ["--create", "--schema-only", "--file=-"], takesInput: true);
        using CancellationTokenRegistration onCancel = cancellationToken.Register(child.Kill);
        Task feeding = FeedAsync(child);
        using var script = new MemoryStream();
        await child.Output.CopyToAsync(script, CancellationToken.None);
        await feeding;
        ProgramEnd end = await child.Ended;
        cancellationToken.ThrowIfCancellationRequested();
        Definition = DumpDefinition.Read(SqlScript.Of(script.GetBuffer().AsSpan(0, (int)script.Length)), DumpHeader.Major(Header?.ProgramVersion ?? ""));
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
}
