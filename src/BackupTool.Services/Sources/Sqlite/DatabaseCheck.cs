using SQLitePCL;

namespace BackupTool.Services.Sources.Sqlite;

/// <summary>What a check came to; both null when all is well.</summary>
/// <param name="UncheckedBecause">Why it could not run: the schema needs a collation, function or module that only the service has.</param>
/// <param name="Damage">What it found, where damage is kept.</param>
internal readonly record struct CheckResult(string? UncheckedBecause, DatabaseDamagedException? Damage);

/// <summary>Runs <c>quick_check</c> on a connection.</summary>
internal static class DatabaseCheck
{
    private const int MaxFindings = 20;

    /// <summary>
    /// Checks. Damage is returned with <see cref="SqliteOptions.KeepsDamagedCopy"/>, thrown without.
    /// </summary>
    /// <param name="connection">What to check; it is left with a progress handler that never interrupts.</param>
    /// <param name="options">Whether damage is thrown.</param>
    /// <param name="shown">The database's path, for messages.</param>
    /// <param name="fail">Explains a failure that is no damage.</param>
    /// <param name="cancellationToken">Heard all the time.</param>
    /// <exception cref="DatabaseDamagedException">Damage was found, and is not to be kept.</exception>
    internal static CheckResult Run(
        SqliteConnectionHandle connection, SqliteOptions options, Posix.BytePath shown, Func<int, string, ExplainedException> fail, CancellationToken cancellationToken)
    {
        raw.sqlite3_progress_handler(connection.Database, 100_000, _ => cancellationToken.IsCancellationRequested ? 1 : 0, null);
        var findings = new List<string>();
        int result = connection.TryQuery($"PRAGMA quick_check({MaxFindings})", findings.Add);
        cancellationToken.ThrowIfCancellationRequested();
        switch (SqliteFailure.Primary(result))
        {
            case raw.SQLITE_OK: break;
            case raw.SQLITE_CORRUPT: findings.Add(connection.LastMessage); break;
            case raw.SQLITE_ERROR: return new CheckResult(connection.LastMessage, null);   // the schema names something that only the service has
            default: throw fail(result, connection.LastMessage);
        }
        if (findings is ["ok"]) return default;
        var damage = new DatabaseDamagedException(shown, findings);
        return options.KeepsDamagedCopy ? new CheckResult(null, damage) : throw damage;
    }
}
