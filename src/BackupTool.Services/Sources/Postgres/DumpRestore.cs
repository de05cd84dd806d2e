namespace BackupTool.Services.Sources.Postgres;

/// <summary>Feeds a dump to pg_restore.</summary>
internal static class DumpRestore
{
    /// <summary>Owners, grants, tablespaces and replication stay behind: this server may lack the roles, and must not begin to replicate.</summary>
    internal static readonly string[] ContentsOnly = ["--no-owner", "--no-privileges", "--no-tablespaces", "--no-publications", "--no-subscriptions", "--no-security-labels"];

    /// <summary>As it was, in the database's own tablespace; only subscriptions stay behind, which would keep the database from being renamed and dropped.</summary>
    internal static readonly string[] AsItWas = ["--no-tablespaces", "--no-subscriptions"];

    /// <summary>Restores into an existing, empty database, ending at the first error.</summary>
    /// <exception cref="SourceException">pg_restore failed. What <paramref name="rest"/> throws comes through.</exception>
    internal static async Task RunAsync(PostgresEndpoint access, string[] how, DumpHead head, Stream rest, CancellationToken cancellationToken)
    {
        using ChildProgram child = PostgresDumper.Start(access, head.RestoreProgram, ["--exit-on-error", "--no-password", .. how], takesInput: true);
        using CancellationTokenRegistration onCancel = cancellationToken.Register(child.Kill);
        Task<bool> feeding = FeedAsync(child, head, rest, cancellationToken);
        await child.Output.CopyToAsync(Stream.Null, CancellationToken.None);
        ProgramEnd end = await child.Ended;
        bool tookAll = await feeding;
        cancellationToken.ThrowIfCancellationRequested();
        if (!end.IsSuccess) throw ProgramOutputStream.Explain(end, access, "pg_restore");
        if (!tookAll) throw new SourceException($"the dump is longer than pg_restore of {access.Target} reads: something follows its end", "Verify the repository, then restore from another snapshot.");
    }

    /// <summary>False when pg_restore closed its input before it had all.</summary>
    private static async Task<bool> FeedAsync(ChildProgram child, DumpHead head, Stream rest, CancellationToken cancellationToken)
    {
        var buffer = new byte[1 << 20];
        try
        {
            if (!await TryWriteAsync(child, head.Bytes)) return false;
            for (int read; (read = await rest.ReadAsync(buffer, cancellationToken)) > 0;)
                if (!await TryWriteAsync(child, buffer.AsMemory(0, read))) return false;
            child.CloseInput();
            return true;
        }
        catch
        {
            // Not closing the input: pg_restore would take what it has for the whole.
            child.Kill();
            throw;
        }
    }

    private static async Task<bool> TryWriteAsync(ChildProgram child, ReadOnlyMemory<byte> bytes)
    {
        try
        {
            await child.Input.WriteAsync(bytes, CancellationToken.None);
            return true;
        }
        catch (IOException)
        {
            return false;
        }
    }
}
