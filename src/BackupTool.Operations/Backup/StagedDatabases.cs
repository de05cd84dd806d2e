using BackupTool.Posix;
using BackupTool.Repositories.Archives;
using BackupTool.Services.Sources.Sqlite;

namespace BackupTool.Operations.Backup;

/// <summary>
/// The databases that a cut has pinned: each a snapshot held open. Once the cut is over they are checked and copied one after another in the background, and let go; one
/// whose main file is the pinned moment is read as it lies, and held until the end. Whoever archives a database waits for it.
/// </summary>
internal sealed class StagedDatabases(BytePath stagingDirectory, Action<BytePath, string> warn) : IAsyncDisposable
{
    private readonly List<(PinnedDatabase Pinned, TaskCompletionSource<DatabaseContent> Copied)> _databases = [];
    private readonly Dictionary<BytePath, Task<DatabaseContent>> _copies = [];
    private readonly CancellationTokenSource _stop = new();
    private Task _copying = Task.CompletedTask;

    /// <summary>
    /// Pins a database now. Its copy is made after <see cref="StartCopying"/>. One that must be sound makes whoever awaits the copy fail when it is
    /// damaged; another is copied with its damage, and that is a warning.
    /// </summary>
    internal void Pin(BytePath path, bool mustBeSound, TimeProvider time, CancellationToken cancellationToken)
    {
        var copied = new TaskCompletionSource<DatabaseContent>(TaskCreationOptions.RunContinuationsAsynchronously);
        _databases.Add((PinnedDatabase.Pin(path, new SqliteOptions { KeepsDamagedCopy = !mustBeSound }, time, cancellationToken), copied));
        _copies.Add(path, copied.Task);
    }

    internal bool Contains(BytePath path) => _copies.ContainsKey(path);

    internal Task<DatabaseContent> CopyOf(BytePath path) => _copies[path];

    internal void StartCopying() => _copying = Task.Run(CopyAll);

    private void CopyAll()
    {
        int number = 0;
        foreach ((PinnedDatabase pinned, TaskCompletionSource<DatabaseContent> copied) in _databases)
        {
            try
            {
                copied.SetResult(Take(pinned, stagingDirectory.Combine($"database-{number++}")));
            }
            catch (OperationCanceledException)
            {
                copied.SetCanceled(_stop.Token);
            }
            catch (Exception e)
            {
                copied.SetException(e);   // thrown where the copy is awaited
            }
        }
    }

    private DatabaseContent Take(PinnedDatabase pinned, BytePath copy)
    {
        if (pinned.TryReadInPlace(_stop.Token) is { } still)
        {
            WarnIfUnproven(pinned.Path, still.UncheckedBecause);
            return new DatabaseContent(pinned.Path, still.File);
        }
        using PinnedDatabase letGo = pinned;
        WarnIfUnproven(pinned.Path, pinned.CopyTo(copy, null, _stop.Token).UncheckedBecause);
        return new DatabaseContent(copy, null);
    }

    private void WarnIfUnproven(BytePath path, string? uncheckedBecause)
    {
        if (uncheckedBecause is not null) warn(path, $"its copy is stored unproven: {uncheckedBecause}");
    }

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        await _copying;
        foreach ((PinnedDatabase pinned, _) in _databases) pinned.Dispose();
        _stop.Dispose();
    }
}
