using BackupTool.Posix;
using BackupTool.Repositories.Archives;
using BackupTool.Services.Sources.Sqlite;

namespace BackupTool.Operations.Backup;

/// <summary>
/// The databases that a cut has pinned: each a snapshot held open. Once the cut is over they are checked and copied one after another in the background, and let go; one
/// whose main file is the pinned moment is read as it lies, and held until the end. Whoever archives a database waits for it.
/// </summary>
/// <param name="stagingDirectory">Where copies go.</param>
/// <param name="warn">Told of one that could not be checked.</param>
/// <param name="tellDamage">Told of one that is damaged, and what is wrong with it.</param>
internal sealed class StagedDatabases(BytePath stagingDirectory, Action<BytePath, string> warn, Action<BytePath, string> tellDamage) : IAsyncDisposable
{
    private readonly List<PinnedCopy> _databases = [];
    private readonly Dictionary<BytePath, Task<DatabaseContent>> _copies = [];
    private readonly CancellationTokenSource _stop = new();
    private Task _copying = Task.CompletedTask;

    private sealed record PinnedCopy(PinnedDatabase Pinned, BytePath Copy)
    {
        internal TaskCompletionSource<DatabaseContent> Copied { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);
    }

    /// <summary>
    /// Pins a database now. Its copy is made after <see cref="StartCopying"/>. One that must be sound makes whoever awaits the copy fail when it is
    /// damaged; another is copied with its damage, and that is a warning.
    /// </summary>
    /// <returns>Whether its writers go on while it is pinned.</returns>
    internal bool Pin(BytePath path, SqliteOptions options, TimeProvider time, CancellationToken cancellationToken)
    {
        var database = new PinnedCopy(PinnedDatabase.Pin(path, options, time, cancellationToken), stagingDirectory.Combine($"database-{_databases.Count}"));
        _databases.Add(database);
        _copies.Add(path, database.Copied.Task);
        return database.Pinned.JournalMode == JournalMode.Wal;
    }

    internal bool Contains(BytePath path) => _copies.ContainsKey(path);

    internal Task<DatabaseContent> CopyOf(BytePath path) => _copies[path];

    /// <summary>The versions of a database's schema, from the pinned moment or from its copy. Before <see cref="StartCopying"/>.</summary>
    /// <exception cref="ExplainedException">It cannot be read, or its copy failed.</exception>
    internal IReadOnlyDictionary<string, string> ReadSchemaVersions(BytePath path)
    {
        PinnedCopy database = _databases.First(known => known.Pinned.Path == path);
        // A copy that failed says so to whoever awaits it: here it says no version.
        return database.Copied.Task switch
        {
            { IsCompletedSuccessfully: true } copied => SchemaVersions.Read(copied.Result.Path),
            { IsCompleted: true } => new Dictionary<string, string>(),
            _ => SchemaVersions.Read(database.Pinned),
        };
    }

    /// <summary>Copies and lets go of the database that was pinned last, now: its service holds still, and its writers would wait for the copy, or its start for the pin.</summary>
    internal void CopyLastNow() => Copy(_databases[^1], mayReadInPlace: false);

    /// <summary>Copies what is still pinned in the background.</summary>
    internal void StartCopying() => _copying = Task.Run(() => CopyAll(mayReadInPlace: true));

    /// <summary>Copies what is still pinned, now, and lets everything go: a service could not start beside the pins.</summary>
    internal async Task CopyAndReleaseAsync() => await Task.Run(() => CopyAll(mayReadInPlace: false));

    private void CopyAll(bool mayReadInPlace)
    {
        foreach (PinnedCopy database in _databases) Copy(database, mayReadInPlace);
    }

    private void Copy(PinnedCopy database, bool mayReadInPlace)
    {
        if (database.Copied.Task.IsCompleted) return;
        try
        {
            database.Copied.SetResult(Take(database, mayReadInPlace));
        }
        catch (OperationCanceledException)
        {
            database.Copied.SetCanceled(_stop.Token);
        }
        catch (Exception e)
        {
            database.Copied.SetException(e);   // thrown where the copy is awaited
        }
    }

    private DatabaseContent Take(PinnedCopy database, bool mayReadInPlace)
    {
        if (mayReadInPlace && database.Pinned.TryReadInPlace(_stop.Token) is { } still)
        {
            Tell(database.Pinned.Path, still.UncheckedBecause, still.Damage);
            return new DatabaseContent(database.Pinned.Path, still.File);
        }
        using PinnedDatabase letGo = database.Pinned;
        CopyResult copied = letGo.CopyTo(database.Copy, null, _stop.Token);
        Tell(letGo.Path, copied.UncheckedBecause, copied.Damage);
        return new DatabaseContent(database.Copy, null);
    }

    private void Tell(BytePath path, string? uncheckedBecause, string? damage)
    {
        if (damage is not null) tellDamage(path, damage);
        if (uncheckedBecause is not null) warn(path, $"its copy is stored unproven: {uncheckedBecause}");
    }

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        await _copying;
        foreach (PinnedCopy database in _databases) database.Pinned.Dispose();
        _stop.Dispose();
    }
}
