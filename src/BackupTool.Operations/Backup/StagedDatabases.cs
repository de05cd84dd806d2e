using BackupTool.Posix;
using BackupTool.Services.Sources.Sqlite;

namespace BackupTool.Operations.Backup;

/// <summary>
/// The databases that a cut has pinned: each a snapshot held open, copied one after another in the background once the cut is over, checked, and let go. Whoever
/// archives a database waits for its copy.
/// </summary>
internal sealed class StagedDatabases(BytePath stagingDirectory, Action<BytePath, string> warn) : IAsyncDisposable
{
    private readonly List<(PinnedDatabase Pinned, TaskCompletionSource<BytePath> Copied)> _databases = [];
    private readonly Dictionary<BytePath, Task<BytePath>> _copies = [];
    private readonly CancellationTokenSource _stop = new();
    private Task _copying = Task.CompletedTask;

    /// <summary>
    /// Pins a database now. Its copy is made after <see cref="StartCopying"/>. One that must be sound makes whoever awaits the copy fail when it is
    /// damaged; another is copied with its damage, and that is a warning.
    /// </summary>
    internal void Pin(BytePath path, bool mustBeSound, TimeProvider time, CancellationToken cancellationToken)
    {
        var copied = new TaskCompletionSource<BytePath>(TaskCreationOptions.RunContinuationsAsynchronously);
        _databases.Add((PinnedDatabase.Pin(path, new SqliteOptions { KeepsDamagedCopy = !mustBeSound }, time, cancellationToken), copied));
        _copies.Add(path, copied.Task);
    }

    internal bool Contains(BytePath path) => _copies.ContainsKey(path);

    internal Task<BytePath> CopyOf(BytePath path) => _copies[path];

    internal void StartCopying() => _copying = Task.Run(CopyAll);

    private void CopyAll()
    {
        int number = 0;
        foreach ((PinnedDatabase pinned, TaskCompletionSource<BytePath> copied) in _databases)
        {
            using PinnedDatabase letGo = pinned;
            BytePath copy = stagingDirectory.Combine($"database-{number++}");
            try
            {
                CopyResult result = pinned.CopyTo(copy, null, _stop.Token);
                if (result.UncheckedBecause is { } reason) warn(pinned.Path, $"its copy is stored unproven: {reason}");
                copied.SetResult(copy);
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
        _databases.Clear();
    }

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        await _copying;
        foreach ((PinnedDatabase pinned, _) in _databases) pinned.Dispose();
        _stop.Dispose();
    }
}
