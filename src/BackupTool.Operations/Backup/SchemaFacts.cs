using BackupTool.Posix;
using BackupTool.Repositories.Snapshots;
using BackupTool.Services.Sources.Sqlite;

namespace BackupTool.Operations.Backup;

/// <summary>
/// What the databases without which a service cannot be restored say of the version of their schema: <c>schema of /path/bot.db</c> → <c>version=13, crypto_version=4</c>. A restore asks before
/// the stop whether the installed program can use them. What cannot be read is told as a message, and never costs the backup.
/// </summary>
internal sealed class SchemaFacts(ServiceSnapshot? parent, CutContext context)
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(2);

    /// <summary>The fact of a SQLite database by its real path.</summary>
    internal static string KeyOf(BytePath database) => $"schema of {database}";

    /// <summary>Versions as a fact has them: by table, sorted.</summary>
    internal static string Describe(IReadOnlyDictionary<string, string> versions) => string.Join(", ", versions.Select(static version => $"{version.Key}={version.Value}"));

    /// <summary>The fact of one database; null when it says no version.</summary>
    /// <param name="database">It.</param>
    /// <param name="read">Reads the moment that was cut; null when it is the parent's.</param>
    /// <param name="cancellationToken">Cancels.</param>
    internal string? Look(BytePath database, Func<IReadOnlyDictionary<string, string>>? read, CancellationToken cancellationToken)
    {
        // What has not changed says what it said then, or nothing: it is not opened for this.
        if (read is null && parent is not null) return parent.Facts.GetValueOrDefault(KeyOf(database));
        try
        {
            IReadOnlyDictionary<string, string> versions = read?.Invoke() ?? SchemaVersions.ReadLive(database, new SqliteOptions { BusyTimeout = Patience }, context.Time, cancellationToken);
            return versions.Count == 0 ? null : Describe(versions);
        }
        catch (Exception e) when (e is ExplainedException or PosixException)
        {
            context.Progress.Message($"{database}: the version of its schema is not recorded: {e.Message}");
            return null;
        }
    }
}
