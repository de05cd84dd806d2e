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

    private PostgresDumps()
    {
    }

    /// <summary>Of a service that has none.</summary>
    internal static PostgresDumps None { get; } = new();

    /// <summary>Connects to each, and finds the programs that can dump it.</summary>
    /// <exception cref="ExplainedException">One cannot be reached or dumped.</exception>
    internal static async Task<PostgresDumps> OpenAsync(ServiceLayout layout, TimeProvider time, CancellationToken cancellationToken)
    {
        if (layout.PostgresDatabases.Count == 0 && layout.AllDatabasesOf is null) return None;
        var dumps = new PostgresDumps();
        var options = new PostgresOptions { Time = time };
        try
        {
            foreach (PostgresTarget target in await TargetsAsync(layout, options, cancellationToken))
                dumps._sources.Add(await PostgresSource.OpenAsync(target, options, cancellationToken));
            dumps.NameMembers();
            return dumps;
        }
        catch
        {
            await dumps.DisposeAsync();
            throw;
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
        PinnedPostgres[] pins = await Task.WhenAll(_sources.Select(source => source.PinAsync(cancellationToken)));
        foreach ((PostgresSource source, PinnedPostgres pin) in _sources.Zip(pins)) _pins.Add(source, pin);
    }

    /// <summary>Lets the pinned moment go, for another.</summary>
    internal async Task UnpinAsync(CancellationToken cancellationToken)
    {
        foreach (PostgresSource source in _pins.Keys) await source.UnpinAsync(cancellationToken);
        _pins.Clear();
    }

    /// <summary>What the databases were at the pinned moment: <c>postgresql-dumps/NAME.dump: tables</c> and the like.</summary>
    internal async Task<IEnumerable<KeyValuePair<string, string>>> ReadFactsAsync(CancellationToken cancellationToken)
    {
        var facts = new List<KeyValuePair<string, string>>();
        foreach ((PostgresSource source, PinnedPostgres pin) in _pins)
        {
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
                _members.Add(name, cancellation => _pins[source].OpenDump(cancellation));
            }
            _members.Add(MemberOf($"globals{suffix}", "sql"), cancellation => _pins[server.First()].OpenGlobals(cancellation));
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
