using BackupTool.Posix;
using BackupTool.Services.Sources;
using BackupTool.Services.Sources.Sqlite;
using SQLitePCL;

namespace BackupTool.Services.Maubot;

/// <summary>
/// What a maubot's own database says of its clients and instances. Reads schema version 2 (maubot 0.3 to 0.6), newer ones as far as they keep these columns, and older ones: a
/// column that is not there has maubot's default.
/// </summary>
public sealed record MaubotDatabase
{
    /// <summary>The clients, in the order of their ids.</summary>
    public required IReadOnlyList<MaubotClientSettings> Clients { get; init; }

    /// <summary>The instances, in the order of their ids.</summary>
    public required IReadOnlyList<MaubotInstanceSettings> Instances { get; init; }

    /// <summary>The clients that end-to-end encryption keys are kept for; null when this database has no such table, so that keys may be somewhere else.</summary>
    public required IReadOnlySet<string>? ClientsWithKeys { get; init; }

    /// <summary>What is wrong with rows that could not be read whole.</summary>
    public required IReadOnlyList<string> Problems { get; init; }

    /// <summary>Reads a database that nobody else writes, like one restored from a snapshot. Leaves nothing beside it.</summary>
    /// <param name="database">The database: <c>bot.db</c>.</param>
    /// <param name="time">The clock.</param>
    /// <exception cref="SourceException">It is not there, is no maubot's, or cannot be read.</exception>
    /// <exception cref="NotADatabaseException">It is none.</exception>
    /// <exception cref="DatabaseDamagedException">It is damaged where the clients and instances are.</exception>
    /// <exception cref="DatabaseLockedException">Somebody has it open and keeps it locked.</exception>
    public static MaubotDatabase Read(BytePath database, TimeProvider time)
    {
        if (!PosixDirectory.Current.TryGetStatus(database, out FileStatus status))
            throw new SourceException($"{database} does not exist", "Name the database that `database` in maubot's config.yaml names, or choose a snapshot that holds it.");
        using OpenedDatabase opened = OpenedDatabase.Open(database, status, new LockPatience(database, TimeSpan.FromSeconds(10), time, CancellationToken.None));
        var rows = new Rows(opened);
        if (!rows.HasTable("client"))
            throw new SourceException($"{database} is no database of a maubot: it has no table `client`", "Name the database that `database` in maubot's config.yaml names.");
        // Before maubot 0.3 an instance was called a plugin.
        string instances = !rows.HasTable("instance") && rows.HasTable("plugin") ? "plugin" : "instance";
        var problems = new List<string>();
        return new MaubotDatabase
        {
            Clients = [.. rows.Read("client").Select(row => ReadClient(row, problems)).OfType<MaubotClientSettings>()],
            Instances = [.. rows.Read(instances).Select(row => ReadInstance(row, problems)).OfType<MaubotInstanceSettings>()],
            ClientsWithKeys = rows.HasTable("crypto_account") ? rows.Read("crypto_account", "account_id").Select(static row => row.GetValueOrDefault("account_id")).OfType<string>().ToHashSet() : null,
            Problems = problems,
        };
    }

    private static MaubotClientSettings? ReadClient(Dictionary<string, string?> row, List<string> problems)
    {
        if (row.GetValueOrDefault("id") is not { Length: > 0 } id)
        {
            problems.Add("A client without an id was left out.");
            return null;
        }
        return new MaubotClientSettings
        {
            Id = id,
            Homeserver = Text(row, "homeserver"),
            AccessToken = new SecretText(Text(row, "access_token")),
            DeviceId = Text(row, "device_id"),
            Enabled = Flag(row, "enabled"),
            Sync = Flag(row, "sync"),
            Autojoin = Flag(row, "autojoin"),
            Online = Flag(row, "online"),
            Displayname = Text(row, "displayname", "disable"),
            AvatarUrl = Text(row, "avatar_url", "disable"),
        };
    }

    private static MaubotInstanceSettings? ReadInstance(Dictionary<string, string?> row, List<string> problems)
    {
        if (row.GetValueOrDefault("id") is not { Length: > 0 } id)
        {
            problems.Add("An instance without an id was left out.");
            return null;
        }
        return new MaubotInstanceSettings
        {
            Id = id,
            Type = Text(row, "type"),
            Enabled = Flag(row, "enabled"),
            PrimaryUser = Text(row, "primary_user"),
            Config = new SecretText(Text(row, "config")),
            DatabaseEngine = row.GetValueOrDefault("database_engine") is { Length: > 0 } engine ? engine : null,
        };
    }

    private static string Text(Dictionary<string, string?> row, string column, string missing = "") => row.GetValueOrDefault(column) ?? missing;

    private static bool Flag(Dictionary<string, string?> row, string column) => row.GetValueOrDefault(column)?.ToLowerInvariant() is null or "1" or "true" or "t";

    /// <summary>Reads whole rows by their columns' names.</summary>
    private sealed class Rows(OpenedDatabase opened)
    {
        internal bool HasTable(string name) => Query($"SELECT 1 FROM sqlite_schema WHERE type IN ('table', 'view') AND name = '{name}'").Count > 0;

        internal List<Dictionary<string, string?>> Read(string table, string order = "id") => HasTable(table) ? Query($"SELECT * FROM \"{table}\" ORDER BY \"{order}\"") : [];

        private List<Dictionary<string, string?>> Query(string sql)
        {
            var rows = new List<Dictionary<string, string?>>();
            int result = raw.sqlite3_prepare_v2(opened.Connection.Database, sql, out sqlite3_stmt statement);
            if (result != raw.SQLITE_OK) throw Failure(result);
            using (statement)
            {
                while ((result = raw.sqlite3_step(statement)) == raw.SQLITE_ROW)
                {
                    var row = new Dictionary<string, string?>(StringComparer.OrdinalIgnoreCase);
                    for (int i = 0; i < raw.sqlite3_column_count(statement); i++)
                        row[raw.sqlite3_column_name(statement, i).utf8_to_string()] =
                            raw.sqlite3_column_type(statement, i) == raw.SQLITE_NULL ? null : raw.sqlite3_column_text(statement, i).utf8_to_string();
                    rows.Add(row);
                }
            }
            return result == raw.SQLITE_DONE ? rows : throw Failure(result);
        }

        private ExplainedException Failure(int result) => SqliteFailure.Explain(result, opened.Path, opened.Connection.LastMessage);
    }
}
