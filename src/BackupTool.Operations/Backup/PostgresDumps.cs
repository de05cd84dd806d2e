using System.Globalization;
using System.Text;
using BackupTool.Posix;
using BackupTool.Services.Profiles;
using BackupTool.Services.Sources.Files;
using BackupTool.Services.Sources.Postgres;

namespace BackupTool.Operations.Backup;

/// <summary>
/// The PostgreSQL databases of a service: connected before the window, pinned in it, dumped while the archive is written. In the archive they are files of a directory that no
/// service has: <c>postgresql-dumps/NAME.dump</c>, and the server's roles in <c>globals.sql</c>.
/// </summary>
internal sealed class PostgresDumps : IAsyncDisposable
{
    /// <summary>Where the dumps stand in an archive.</summary>
    internal static readonly BytePath Directory = BytePath.From("/postgresql-dumps");

    private readonly List<PostgresSource> _sources = [];
    private readonly Dictionary<PostgresSource, PinnedPostgres> _pins = [];
    private readonly Dictionary<PostgresSource, BytePath> _names = [];
    private readonly Dictionary<BytePath, Func<CancellationToken, Stream>> _members = [];

    private readonly Dictionary<BytePath, PostgresSource> _sourceOf = [];
    private readonly Dictionary<BytePath, string> _lost = [];   // members that cannot be made, and why
    private Action<BytePath, string>? _lose;

    private PostgresDumps()
    {
    }

    /// <summary>Of a service that has none.</summary>
    internal static PostgresDumps None { get; } = new();

    /// <summary>Connects to each, and finds the programs that can dump it.</summary>
    /// <param name="layout">Which.</param>
    /// <param name="time">The clock.</param>
    /// <param name="lose">Told of what cannot be dumped, now or in the window, where that is accepted; null where it is not.</param>
    /// <param name="cancellationToken">Cancels.</param>
    /// <exception cref="ExplainedException">One cannot be reached or dumped, and that is not accepted.</exception>
    internal static async Task<PostgresDumps> OpenAsync(ServiceLayout layout, TimeProvider time, Action<BytePath, string>? lose, CancellationToken cancellationToken)
    {
        if (layout.PostgresDatabases.Count == 0 && layout.AllDatabasesOf is null) return None;
        var dumps = new PostgresDumps { _lose = lose };
        var options = new PostgresOptions { Time = time };
        try
        {
            foreach (PostgresTarget target in await dumps.ListAsync(layout, options, cancellationToken))
                if (await dumps.TryAsync(MemberOf(target.Database, "dump"), () => PostgresSource.OpenAsync(target, options, cancellationToken)) is { } source) dumps._sources.Add(source);
            dumps.NameMembers();
            return dumps;
        }
        catch
        {
            await dumps.DisposeAsync();
            throw;
        }
    }

    /// <summary>Whether something cannot be dumped that was to be.</summary>
    internal bool HasLost { get; private set; }

    /// <summary>Whether a member cannot be made, and so is none.</summary>
    internal bool IsLost(BytePath member) => _lost.ContainsKey(member);

    private async Task<IReadOnlyList<PostgresTarget>> ListAsync(ServiceLayout layout, PostgresOptions options, CancellationToken cancellationToken) =>
        await TryAsync(Directory, () => TargetsAsync(layout, options, cancellationToken)) ?? [];

    private async Task<T?> TryAsync<T>(BytePath member, Func<Task<T>> act) where T : class
    {
        try
        {
            return await act();
        }
        catch (ExplainedException e) when (_lose is not null)
        {
            HasLost = true;
            _lose(member, $"cannot be dumped, and is not stored: {e.Message}");
            return null;
        }
    }

    /// <summary>After the window, where damage is accepted: makes every dump once for nothing but its end, and gives those that cannot be made.</summary>
    internal async Task<IReadOnlyDictionary<BytePath, string>> FindLostAsync(CancellationToken cancellationToken)
    {
        foreach (BytePath member in _members.Keys.Where(member => !_lost.ContainsKey(member)))
        {
            try
            {
                if (!_pins.ContainsKey(_sourceOf[member])) throw new OperationException("the server it is on could not hold its present moment");
                await using Stream dump = Open(member, cancellationToken);
                await dump.CopyToAsync(Stream.Null, cancellationToken);
            }
            catch (ExplainedException e)
            {
                LoseMember(member, e);
            }
        }
        return _lost;
    }

    private void LoseMember(BytePath member, ExplainedException e)
    {
        HasLost = true;
        lock (_lost) _lost.TryAdd(member, $"cannot be dumped, and is not stored: {e.Message}");
    }

    private async Task<PinnedPostgres?> TryPinAsync(PostgresSource source, CancellationToken cancellationToken)
    {
        try
        {
            return await source.PinAsync(cancellationToken);
        }
        catch (ExplainedException e) when (_lose is not null)
        {
            LoseMember(_names[source], e);
            return null;
        }
    }

    /// <summary>The databases of a layout, by name.</summary>
    internal static async Task<IReadOnlyList<PostgresTarget>> TargetsAsync(ServiceLayout layout, PostgresOptions options, CancellationToken cancellationToken)
    {
        if (layout.AllDatabasesOf is not { } access) return layout.PostgresDatabases;
        var any = PostgresTarget.Of("postgres", access);
        IReadOnlyList<string> names = await PostgresSource.ListDatabasesAsync(any, options, cancellationToken);
        return [.. names.Select(name => any with { Database = name })];
    }

    /// <summary>The members as a walk would list them, in tree order.</summary>
    internal IEnumerable<WalkedEntry> Entries(DateTimeOffset now)
    {
        if (_members.Count == 0) return [];
        var time = UnixTime.From(now);
        FileStatus file = new(FileKind.Regular, 0x180 /* 0600 */, 0, 0, 0, 0, time, time, 0, 0, 1, 0, 0);
        return _members.Keys.Select(path => new WalkedEntry(path, file, default)).OrderBy(static entry => entry.Path);
    }

    /// <summary>Whether a member is a dump.</summary>
    internal bool Contains(BytePath path) => _members.ContainsKey(path);

    /// <summary>Pins the present moment of every database: in the window.</summary>
    internal async Task PinAsync(CancellationToken cancellationToken)
    {
        PinnedPostgres?[] pins = await Task.WhenAll(_sources.Select(source => TryPinAsync(source, cancellationToken)));
        foreach ((PostgresSource source, PinnedPostgres? pin) in _sources.Zip(pins))
            if (pin is not null) _pins.Add(source, pin);
    }

    /// <summary>Lets the pinned moment go, for another.</summary>
    internal async Task UnpinAsync(CancellationToken cancellationToken)
    {
        foreach (PostgresSource source in _pins.Keys) await source.UnpinAsync(cancellationToken);
        _pins.Clear();
        _lost.Clear();
    }

    /// <summary>What the databases were at the pinned moment: <c>postgresql-dumps/NAME.dump: tables</c> and the like.</summary>
    internal async Task<IEnumerable<KeyValuePair<string, string>>> ReadFactsAsync(CancellationToken cancellationToken)
    {
        var facts = new List<KeyValuePair<string, string>>();
        foreach ((PostgresSource source, PinnedPostgres pin) in _pins)
        {
            if (_lost.ContainsKey(_names[source])) continue;
            PostgresFacts found = await pin.ReadFactsAsync(cancellationToken);
            BytePath name = _names[source].WithoutLeadingSlash();
            facts.Add(new($"{name}: database", pin.Target.Database));
            facts.Add(new($"{name}: server", found.ServerVersion));
            facts.Add(new($"{name}: tables", found.Tables.ToString(CultureInfo.InvariantCulture)));
            facts.Add(new($"{name}: bytes", found.DatabaseBytes.ToString(CultureInfo.InvariantCulture)));
            facts.Add(new($"{name}: encoding", $"{found.Encoding}, {found.Collation}, {found.CharacterType}"));
            if (found.SchemaVersions.Count > 0) facts.Add(new($"{name}: schema", SchemaFacts.Describe(found.SchemaVersions)));
            if (pin.Target.ExcludedTableData.Count > 0) facts.Add(new($"{name}: rows left out of", string.Join(", ", pin.Target.ExcludedTableData)));
            if (!pin.HasRolePasswords) facts.Add(new($"{name}: globals", "without the roles' passwords, which the role may not read"));
        }
        return facts;
    }

    /// <summary>Makes a dump while it is read; its end means that it is whole.</summary>
    internal Stream Open(BytePath member, CancellationToken cancellationToken) => _members[member](cancellationToken);

    private void NameMembers()
    {
        foreach (IGrouping<(string?, int), PostgresSource> server in _sources.GroupBy(static source => (source.Target.Host, source.Target.Port)))
        {
            string suffix = _members.Count == 0 ? "" : $"-{server.Key.Item1 ?? "local"}-{server.Key.Item2}";
            foreach (PostgresSource source in server)
            {
                BytePath name = _names[source] = MemberOf($"{source.Target.Database}{suffix}", "dump");
                _sourceOf.Add(name, source);
                _members.Add(name, cancellation => _pins[source].OpenDump(cancellation));
            }
            BytePath globals = MemberOf($"globals{suffix}", "sql");
            _sourceOf.Add(globals, server.First());
            _members.Add(globals, cancellation => _pins[server.First()].OpenGlobals(cancellation));
        }
    }

    /// <summary>Letters, digits and a few signs stand as they are; every other byte as %XX, as in a URL.</summary>
    internal static BytePath MemberOf(string name, string extension)
    {
        var safe = new StringBuilder();
        foreach (byte b in Encoding.UTF8.GetBytes(name))
        {
            bool isPlain = char.IsAsciiLetterOrDigit((char)b) || b is (byte)'-' or (byte)'_' || (b == '.' && safe.Length > 0);
            safe.Append(isPlain ? ((char)b).ToString() : $"%{b:X2}");
        }
        return Directory.Combine($"{safe}.{extension}");
    }

    public async ValueTask DisposeAsync()
    {
        foreach (PinnedPostgres pin in _pins.Values) await pin.DisposeAsync();
        foreach (PostgresSource source in _sources) await source.DisposeAsync();
    }
}
