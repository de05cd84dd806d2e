using System.Globalization;
using System.Security.Cryptography;
using BackupTool.Posix;

namespace BackupTool.Services.Sources.Postgres;

/// <summary>
/// Proves a dump the only way there is: restores it into a new database beside the others, which is dropped again whatever happens. It is named
/// <c>backup_verify_</c> and something random, and carries a comment that says since when; those that a killed run left are dropped after a day.
/// </summary>
/// <remarks>
/// pg_dump's format has no checksums: a bit that flips inside a text value restores as another text. What was stored is proven by the repository's hashes; this proves that
/// what was stored is a whole dump that PostgreSQL takes.
/// </remarks>
public static class ScratchDatabase
{
    private const string NamePrefix = "backup_verify_", CommentPrefix = "Scratch database of 'backup verify', made at ";
    private static readonly TimeSpan StaleAfter = TimeSpan.FromDays(1);

    /// <summary>Restores the dump in a file and counts what came out.</summary>
    /// <inheritdoc cref="RestoreAndCountAsync(PostgresTarget, Stream, PostgresOptions, CancellationToken)"/>
    public static async Task<RestoredContent> RestoreAndCountAsync(PostgresTarget server, BytePath dumpFile, PostgresOptions options, CancellationToken cancellationToken)
    {
        await using var dump = new FileStream(PosixFile.OpenFollowing(dumpFile), FileAccess.Read);
        return await RestoreAndCountAsync(server, dump, options, cancellationToken);
    }

    /// <summary>Restores a dump of pg_dump's custom format and counts what came out.</summary>
    /// <param name="server">Any database of the server to use; the role must be allowed to make databases, best a superuser.</param>
    /// <param name="dump">Read once, to its end; what it throws comes through.</param>
    /// <param name="options">Where programs are, and the clock.</param>
    /// <param name="cancellationToken">Ends the restore; the database is dropped all the same.</param>
    /// <exception cref="NoScratchDatabaseException">There is nowhere to restore it into: nothing is known of the dump.</exception>
    /// <exception cref="SourceException">The dump is truncated, damaged or not restorable here, or the server went away.</exception>
    public static async Task<RestoredContent> RestoreAndCountAsync(PostgresTarget server, Stream dump, PostgresOptions options, CancellationToken cancellationToken)
    {
        PostgresEndpoint access = PostgresEndpoint.Resolve(server, options);
        (PostgresConnection opened, int major) = await PrepareAsync(access, options, cancellationToken);
        await using PostgresConnection connection = opened;
        DumpHead head = await DumpHead.ReadAsync(dump, access, major, cancellationToken);
        string name = NamePrefix + RandomNumberGenerator.GetHexString(16, lowercase: true);
        RestoredContent content;
        try
        {
            await CreateAsync(connection, name, head.Definition.Database.Options, options.Time, cancellationToken);
            PostgresEndpoint scratch = access.To(name);
            await DumpRestore.RunAsync(scratch, DumpRestore.ContentsOnly, head, dump, cancellationToken);
            content = await CountAsync(scratch, cancellationToken);
        }
        catch (Exception e)
        {
            await DropAfterAsync(e, access, name);
            throw;
        }
        await DropAsync(access, name);
        return content;
    }

    private static async Task<(PostgresConnection Connection, int ServerMajor)> PrepareAsync(PostgresEndpoint access, PostgresOptions options, CancellationToken cancellationToken)
    {
        PostgresConnection? connection = null;
        try
        {
            connection = await PostgresConnection.OpenAsync(access, cancellationToken);
            (int major, _) = await connection.ReadVersionAsync(cancellationToken);
            await PostgresPrograms.FindAsync("pg_restore", major, access.RunAs, options, cancellationToken);
            await DropStaleAsync(connection, options.Time, cancellationToken);
            return (connection, major);
        }
        catch (Exception e)
        {
            if (connection is not null) await connection.DisposeAsync();
            if (e is SourceException reason) throw new NoScratchDatabaseException(reason);
            throw;
        }
    }

    /// <summary>Says both when the database cannot be dropped either, as when the server has gone.</summary>
    private static async Task DropAfterAsync(Exception failure, PostgresEndpoint access, string name)
    {
        try
        {
            await DropAsync(access, name);
        }
        catch (SourceException e)
        {
            throw new SourceException($"{failure.Message}; and the scratch database {name} is left behind: {e.Message}",
                "It is dropped by a verification more than a day from now, or by 'dropdb'.", failure);
        }
    }

    // The comment right after it: in the moment between, a kill leaves one that is never tidied up.
    private static async Task CreateAsync(PostgresConnection connection, string name, string databaseOptions, TimeProvider time, CancellationToken cancellationToken)
    {
        try
        {
            await connection.ExecuteOneByOneAsync(
            [
                $"CREATE DATABASE {name} TEMPLATE template0 {databaseOptions}",
                $"COMMENT ON DATABASE {name} IS '{CommentPrefix.Replace("'", "''", StringComparison.Ordinal)}{time.GetUtcNow().ToString("O", CultureInfo.InvariantCulture)}'",
            ], cancellationToken);
        }
        catch (SourceException e)
        {
            throw new NoScratchDatabaseException(e);
        }
    }

    private static async Task<RestoredContent> CountAsync(PostgresEndpoint scratch, CancellationToken cancellationToken)
    {
        await using PostgresConnection connection = await PostgresConnection.OpenAsync(scratch, cancellationToken);
        return await RowCount.ReadAsync(connection, cancellationToken);
    }

    /// <summary>On a connection of its own and without the caller's cancellation: the one that made it may be lost.</summary>
    private static async Task DropAsync(PostgresEndpoint access, string name)
    {
        await using PostgresConnection connection = await PostgresConnection.OpenAsync(access, CancellationToken.None);
        await DropAsync(connection, name, CancellationToken.None);
    }

    private static async Task DropAsync(PostgresConnection connection, string name, CancellationToken cancellationToken)
    {
        // Whoever still is in it is a leftover of ours: FORCE, which servers before 13 do not know, done by hand.
        await connection.QueryAsync($"SELECT pg_terminate_backend(pid)::text FROM pg_stat_activity WHERE datname = '{name}' AND pid <> pg_backend_pid()", cancellationToken);
        await connection.ExecuteOneByOneAsync([$"DROP DATABASE IF EXISTS {name}"], cancellationToken);
    }

    private static async Task DropStaleAsync(PostgresConnection connection, TimeProvider time, CancellationToken cancellationToken)
    {
        List<string?[]> marked = await connection.QueryAsync($"""
            SELECT datname::text, shobj_description(oid, 'pg_database') FROM pg_database WHERE datname ~ '^{NamePrefix}[0-9a-f]+$'
            """, cancellationToken);
        foreach (string?[] row in marked)
        {
            if (row[1]?.StartsWith(CommentPrefix, StringComparison.Ordinal) != true) continue;
            if (!DateTimeOffset.TryParseExact(row[1]![CommentPrefix.Length..], "O", CultureInfo.InvariantCulture, DateTimeStyles.None, out DateTimeOffset madeAt)) continue;
            if (time.GetUtcNow() - madeAt > StaleAfter) await DropAsync(connection, row[0]!, cancellationToken);
        }
    }
}
