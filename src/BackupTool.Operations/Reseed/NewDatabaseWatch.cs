using BackupTool.Operations.Replacing;
using BackupTool.Posix;
using BackupTool.Services.Sources.RocksDb;
using BackupTool.Services.Sources.Sqlite;

namespace BackupTool.Operations.Reseed;

/// <summary>Sees whether a service that has been started makes its database where the wiped one was, and waits until it has made its tables: it may answer, or be called up, before.</summary>
internal sealed class NewDatabaseWatch(ReplacementContext context)
{
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(300);

    /// <summary>Null when it has; otherwise what is wrong, as a sentence.</summary>
    internal async Task<string?> WaitAsync(WipedFile file, string service, TimeSpan patience, CancellationToken cancellationToken)
    {
        long began = context.Time.GetTimestamp();
        string? before = null;
        while (true)
        {
            (string? look, string problem) = file.IsDirectory ? LookAtRocksDb(file.Live) : LookAtTables(file.Live, cancellationToken);
            // A table that came since may not be the last.
            if (look is not null && look == before) return null;
            if (look is null && context.Time.GetElapsedTime(began) > patience) return $"'{service}' has not made itself a new database at {file.Live}: {problem}";
            before = look;
            await Task.Delay(Pause, context.Time, cancellationToken);
        }
    }

    private (string? Look, string Problem) LookAtTables(BytePath database, CancellationToken cancellationToken)
    {
        try
        {
            IReadOnlyList<string> tables = LiveTables.Read(database, new SqliteOptions(), context.Time, cancellationToken);
            return tables.Count > 0 ? (string.Join('\n', tables), "") : (null, "it has no tables");
        }
        catch (ExplainedException e)
        {
            return (null, e.Message);
        }
        catch (PosixException e)
        {
            return (null, e.Message);
        }
    }

    private static (string? Look, string Problem) LookAtRocksDb(BytePath directory) =>
        RocksDbStaging.IsDatabase(directory) ? ("there", "") : (null, "there is none");
}
