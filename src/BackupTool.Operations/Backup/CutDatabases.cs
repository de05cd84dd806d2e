using System.Collections.Concurrent;
using BackupTool.Operations.Sanity;
using BackupTool.Posix;
using BackupTool.Repositories.Archives;
using BackupTool.Services.Quiescing;
using BackupTool.Services.Sources.Files;
using BackupTool.Services.Sources.Sqlite;

namespace BackupTool.Operations.Backup;

/// <summary>The SQLite databases of a cut: which there are, which of them must be sound, and the pinned moment of each. Disposing lets everything go.</summary>
internal sealed class CutDatabases : IAsyncDisposable
{
    // In the window a lock is waited for in vain: its holder stands still, too.
    private static readonly TimeSpan WindowPatience = TimeSpan.FromMilliseconds(200), OnlinePatience = TimeSpan.FromSeconds(30);

    private readonly PreparedService _prepared;
    private readonly CutContext _context;
    private readonly CutFindings _findings;
    private readonly DamagedFiles? _accepted;
    private readonly StagedDatabases _staged;
    private readonly DatabasePaths _paths;
    private readonly ConcurrentDictionary<BytePath, long> _bytes = [];
    private readonly ConcurrentDictionary<BytePath, string> _damaged = [];

    /// <summary>Of a service that is about to be cut.</summary>
    /// <param name="prepared">The service as it looked before.</param>
    /// <param name="context">The run.</param>
    /// <param name="findings">Told of what is wrong.</param>
    /// <param name="copies">Where copies go.</param>
    /// <param name="accepted">Takes those that are damaged, where damage is accepted; null where it is not.</param>
    internal CutDatabases(PreparedService prepared, CutContext context, CutFindings findings, BytePath copies, DamagedFiles? accepted)
    {
        (_prepared, _context, _findings, _accepted) = (prepared, context, findings, accepted);
        _staged = new StagedDatabases(copies, findings.Warn, (path, damage) => WarnOfDamage(path, $"stored as it is: {damage}"));
        _paths = new DatabasePaths(prepared.Settings, prepared.Layout, context.AcceptsDamage);
    }

    /// <summary>Bytes of those that the service cannot do without, as they are stored, and of what else <see cref="Tell"/> was told. Complete when the archive is written.</summary>
    internal IReadOnlyDictionary<BytePath, long> Bytes => _bytes;

    /// <summary>Those, not among the ones it cannot do without, that are damaged, or none any more. Complete when the archive is written.</summary>
    internal IReadOnlyCollection<BytePath> Damaged => [.. _damaged.Keys];

    private bool IsQuiesced => _prepared.Settings.Quiesce != QuiesceMode.Online;

    /// <summary>What a database of another kind has.</summary>
    internal void Tell(BytePath database, long bytes) => _bytes[database] = bytes;

    /// <summary>The files beside a database are in its copy. In tree order it comes before them.</summary>
    internal bool IsSidecar(BytePath path) => _paths.IsSidecar(path);

    /// <summary>Takes a file that is a database by its header: pins it, unless it is as the parent has it.</summary>
    /// <param name="entry">The file now.</param>
    /// <param name="before">As it was before the window, if its status is the same; null when it is not.</param>
    /// <param name="cancellationToken">Ends the wait for a lock.</param>
    /// <returns>The entry; null when not even its bytes can be stored.</returns>
    /// <exception cref="ExplainedException">The service cannot do without it, and it cannot be pinned.</exception>
    internal CutEntry? Take(WalkedEntry entry, CutEntry? before, CancellationToken cancellationToken)
    {
        string key = DatabasePaths.ChangeKeyOf(entry);
        _paths.Add(entry.Path);
        if (before is not null && before.Flags.HasFlag(CutFlags.Unchanged) && before.ChangeKey == key) return before;
        if (TryPin(entry.Path, cancellationToken)) return CutEntry.Of(entry, CutFlags.Database, key);
        _paths.Remove(entry.Path);
        return _accepted?.Concerns(entry.Path) == true ? _accepted.Take(entry) : CutEntry.Of(entry, CutFlags.None, "");
    }

    /// <summary>Looks at a file that is none by its header: it may have been one.</summary>
    internal CutEntry Plain(CutEntry file)
    {
        if (_prepared.NoLongerDatabases.Contains(file.Path)) WarnOfDamage(file.Path, "was a SQLite database in an earlier snapshot, and is none any more: it is stored as a plain file");
        return file;
    }

    /// <summary>After the walk: one without which the backup is worth nothing must have been come by; where damage is accepted, that it is missing is a warning.</summary>
    /// <exception cref="ExplainedException">One was not.</exception>
    internal void RequireExpected()
    {
        if (_accepted is null) _paths.RequireExpected();
        else
            foreach (BytePath missing in _paths.ExpectedAndNotFound.Where(path => !_accepted.Concerns(path)))
                _findings.Warn(missing, "is the service's database, and is missing or left out: it is not in this snapshot");
    }

    /// <summary>After the window, and before <see cref="StartCopying"/>: what their schemas say.</summary>
    internal void AddFacts(SortedDictionary<string, string> facts, CancellationToken cancellationToken)
    {
        var schemas = new SchemaFacts(_prepared.Parent, _context);
        Dictionary<string, long> bytesBefore = _prepared.Parent is null ? [] : SanityFacts.DatabasesOf(_prepared.Parent);
        foreach (BytePath database in _paths.ExpectedAndFound)
        {
            // One that is copied tells it then; the others are as they were.
            if (!_staged.Contains(database) && bytesBefore.TryGetValue($"{database}", out long bytes)) _bytes[database] = bytes;
            if (schemas.Look(database, _staged.Contains(database) ? () => _staged.ReadSchemaVersions(database) : null, cancellationToken) is { } versions) facts[SchemaFacts.KeyOf(database)] = versions;
        }
    }

    /// <summary>Copies what is still pinned in the background.</summary>
    internal void StartCopying() => _staged.StartCopying();

    /// <summary>Copies what is still pinned, now, and lets everything go.</summary>
    internal Task CopyAndReleaseAsync() => _staged.CopyAndReleaseAsync();

    /// <summary>The content of one, when somebody asks for it.</summary>
    internal Func<CancellationToken, Task<DatabaseContent>> CopyOf(CutEntry entry) => async cancellationToken =>
    {
        // It has not changed, so nothing was pinned; but its chunks have gone from the repository meanwhile.
        if (!_staged.Contains(entry.Path)) throw new OperationException($"The stored copy of {entry.Path} is no longer whole in the repository.", "Run 'backup verify', then 'backup repair index', then this again.");
        DatabaseContent copy = await _staged.CopyOf(entry.Path).WaitAsync(cancellationToken);
        if (_paths.IsExpected(entry.Path)) _bytes[entry.Path] = (copy.File is null ? PosixDirectory.Current.GetStatus(copy.Path) : PosixFile.GetStatus(copy.File, copy.Path)).Size;
        return copy;
    };

    /// <summary>What the service cannot do without must be a sound database. For anything else that looks like one, whoever may put files there decides what it is: it must not cost the backup.</summary>
    private bool TryPin(BytePath path, CancellationToken cancellationToken)
    {
        bool isExpected = _paths.IsExpected(path);
        var options = new SqliteOptions { KeepsDamagedCopy = !isExpected || _accepted is not null, BusyTimeout = IsQuiesced ? WindowPatience : OnlinePatience };
        try
        {
            bool letsWritersGoOn = _staged.Pin(path, options, _context.Time, cancellationToken);
            if (IsQuiesced && !(letsWritersGoOn && _prepared.Settings.Pin)) _staged.CopyLastNow();
            return true;
        }
        catch (Exception e) when (!isExpected && e is NotADatabaseException or DatabaseDamagedException)
        {
            WarnOfDamage(path, $"stored as a plain file: {e.Message}");
            return false;
        }
        catch (ExplainedException e) when (_accepted is not null && e is not DatabaseLockedException)
        {
            _accepted.Add(path, e.Message);
            return false;
        }
    }

    private void WarnOfDamage(BytePath path, string warning)
    {
        _damaged[path] = warning;
        _findings.Warn(path, warning);
    }

    public ValueTask DisposeAsync() => _staged.DisposeAsync();
}
