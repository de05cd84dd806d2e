using BackupTool.Posix;
using BackupTool.Services.Sources.RocksDb;

namespace BackupTool.Services.Profiles;

/// <summary>
/// The conduwuit family (continuwuity, conduwuit, tuwunel, conduit): a RocksDB with the media in its directory, and the configuration file.
/// </summary>
public sealed class ContinuwuityProfile : ServiceProfile
{
    /// <summary>The usual names of the directory below /etc and of the file in it.</summary>
    private static readonly (string Directory, string File)[] UsualConfigs =
    [
        ("continuwuity", "continuwuity.toml"), ("continuwuity", "conduwuit.toml"), ("matrix-continuwuity", "continuwuity.toml"),
        ("conduwuit", "conduwuit.toml"), ("tuwunel", "tuwunel.toml"), ("matrix-conduit", "conduit.toml"), ("conduit", "conduit.toml"),
    ];

    /// <inheritdoc/>
    public override string Kind => "continuwuity";

    /// <inheritdoc/>
    public override IReadOnlyList<string> Aliases => ["conduwuit", "tuwunel", "conduit"];

    /// <inheritdoc/>
    public override ServiceLayout Describe(ServiceFacts facts, Action<string> note)
    {
        ArgumentNullException.ThrowIfNull(facts);
        ArgumentNullException.ThrowIfNull(note);
        HomeserverConfig? config = FindConfig(facts, note);
        BytePath database = FindDatabase(facts, config, note);

        var roots = new RootCollector(facts);
        roots.Add(database, "database");
        BytePath media = config?.MediaPath ?? database.Combine("media");
        if (config?.MediaPath is not null) roots.Add(media, "media directory");
        else if (!roots.TryAdd(media)) note($"{media} does not exist: the server has stored no media yet, or keeps them where its configuration does not say.");
        if (config is { HasRemoteMedia: true }) note($"{config.File} keeps media in an object store: they are not part of this backup.");

        if (config is { Health: null })
            note($"{config.File} has the server listen {(string.IsNullOrEmpty(config.UnixSocket) ? "where it cannot be asked" : "on a Unix socket")}: only its unit is asked for its health.");

        var known = new SortedDictionary<string, string>(StringComparer.Ordinal) { ["database-path"] = database.ToString() };
        if (config is not null)
        {
            roots.Add(config.File, "configuration file");
            known["config"] = config.File.ToString();
            if (config.ServerName is { } name) known["server-name"] = name;
        }
        return new ServiceLayout
        {
            Roots = roots.Collect(),
            Damages = roots.Damages,
            RocksDbDirectories = IsDirectory(database) ? [database] : [],
            Exclusions = Exclusions(database, media, config?.BackupPath, note),
            OnlineBackup = OnlineBackup(database, config, note),
            Health = config?.Health,
            Facts = known,
        };
    }

    private static RocksDbOnlineBackup? OnlineBackup(BytePath database, HomeserverConfig? config, Action<string> note)
    {
        if (config is not { BacksUpOnSignal: true, BackupPath: { } directory } || database.IsAtOrBelow(directory)) return null;
        if (config.SignalCommands > 1) note($"`admin_signal_execute` in {config.File} has {config.SignalCommands} commands: a backup with quiesce = \"online\" has the server run them all.");
        return new RocksDbOnlineBackup(directory);
    }

    private static List<Exclusion> Exclusions(BytePath database, BytePath media, BytePath? backups, Action<string> note)
    {
        // Only these two are the server's logs: *.log is its write-ahead log.
        var exclusions = new List<Exclusion>
        {
            new(database, Glob.Parse("/LOCK"), "the lock of the running server"),
            new(database, Glob.Parse("/LOG"), "RocksDB's log of events: no data"),
            new(database, Glob.Parse("/LOG.old.*"), "RocksDB's log of events: no data"),
        };
        if (backups is not { } directory) return exclusions;
        if (database.IsAtOrBelow(directory) || media.IsAtOrBelow(directory))
            note($"`database_backup_path` is {directory}, which holds the database or the media themselves: the server's own backups are not left out.");
        else exclusions.Add(new Exclusion(directory, Glob.Parse("/*"), "the server's own online backups of the same database"));
        return exclusions;
    }

    private static HomeserverConfig? FindConfig(ServiceFacts facts, Action<string> note)
    {
        List<BytePath> found = ServiceConfigFile.Find(facts, Candidates(facts));
        if (found.Count == 0) return null;
        if (facts.ConfigFile is not null) return HomeserverConfig.Read(found[0], facts.Name, facts.Kind);

        // A file left over from the server that this one replaced must not decide in silence which of two databases is backed up.
        List<HomeserverConfig> configs = [.. found.Select(file => HomeserverConfig.Read(file, facts.Name, facts.Kind))];
        if (facts.DataPaths.Count > 0 && configs.Find(config => config.DatabasePath is { } path && (path.IsAtOrBelow(facts.DataPaths[0]) || IsSame(path, facts.DataPaths[0]))) is { } agreeing)
            return agreeing;
        List<HomeserverConfig> live = configs.FindAll(static config => config.DatabasePath is { } path && HoldsRocksDb(path));
        if (facts.DataPaths.Count > 0 && HoldsRocksDb(facts.DataPaths[0]) && live.Count > 0) throw TwoDatabases(facts, facts.DataPaths[0], live[0].DatabasePath!.Value);
        if (live.Find(config => !IsSame(config.DatabasePath!.Value, live[0].DatabasePath!.Value)) is { } other)
            throw TwoDatabases(facts, live[0].DatabasePath!.Value, other.DatabasePath!.Value);
        HomeserverConfig chosen = live.Count > 0 ? live[0] : configs[0];
        if (configs.Count > 1) note($"Several configuration files are there ({string.Join(", ", found)}); {chosen.File} is read. Set `config` to choose another.");
        return chosen;
    }

    private static IEnumerable<BytePath> Candidates(ServiceFacts facts)
    {
        foreach ((string directory, string file) in UsualConfigs.OrderByDescending(usual => usual.Directory.EndsWith(facts.Kind, StringComparison.Ordinal)))
            yield return BytePath.From($"/etc/{directory}/{file}");
        foreach (BytePath data in facts.DataPaths)
        {
            if (!PosixFile.TryGetStatusFollowing(data, out FileStatus status) || status.Kind != FileKind.Directory) continue;
            using PosixDirectory directory = PosixDirectory.Open(data);
            foreach (BytePath name in directory.ReadNames())
                if (name.Bytes.EndsWith(".toml"u8)) yield return data.Combine(name);
        }
    }

    private static BytePath FindDatabase(ServiceFacts facts, HomeserverConfig? config, Action<string> note)
    {
        BytePath? data = facts.DataPaths.Count > 0 ? facts.DataPaths[0] : null;
        BytePath database = config?.DatabasePath ?? data ?? throw new ServiceLayoutException(
            config is null ? $"No configuration of the homeserver {facts.Name} was found in the usual places." : $"{config.File} has no `database_path`.",
            $"Set `config` or `data` in [service.{facts.Name}].");

        if (config?.DatabasePath is null)
            note($"{(config is null ? "No configuration file was found" : $"{config.File} has no `database_path`")}: `data`, {database}, is taken for the database.");
        else if (data is { } given && !database.IsAtOrBelow(given) && !IsSame(database, given))
            note($"`data` is {given}, but {config.File} puts the database at {database}: that is what is backed up.");

        // create_if_missing: the server would start afresh from a wrong path and look healthy.
        if (!HoldsRocksDb(database) && !facts.AcceptsDamage)
            throw new ServiceLayoutException($"{database} of the homeserver {facts.Name} is missing, empty or not a RocksDB: it has no file CURRENT.",
                config?.DatabasePath is null ? $"Correct `data` in [service.{facts.Name}], or name the server's own file as `config`."
                : $"Correct `database_path` in {config.File}, or name another file as `config` in [service.{facts.Name}].");
        return database;
    }

    private static ServiceLayoutException TwoDatabases(ServiceFacts facts, BytePath one, BytePath other) => new(
        $"Two databases could be that of the homeserver {facts.Name}: {one} and {other}.",
        $"Name the configuration file that the server is run with as `config` in [service.{facts.Name}].");

    private static bool IsDirectory(BytePath path) => PosixFile.TryGetStatusFollowing(path, out FileStatus status) && status.Kind == FileKind.Directory;

    private static bool HoldsRocksDb(BytePath directory) => ServiceConfigFile.IsFile(directory.Combine("CURRENT"));

    private static bool IsSame(BytePath one, BytePath other) =>
        PosixFile.TryGetStatusFollowing(one, out FileStatus first) && PosixFile.TryGetStatusFollowing(other, out FileStatus second) && first.IsSameFileAs(second);
}
