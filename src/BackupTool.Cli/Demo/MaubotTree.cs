using System.IO.Compression;
using System.Security.Cryptography;
using System.Text;
using BackupTool.Posix;
using Microsoft.Data.Sqlite;

namespace BackupTool.Cli.Demo;

/// <summary>maubot's data directory as it stands on disk: config, <c>bot.db</c>, plugins with their databases, trash, log.</summary>
internal static class MaubotTree
{
    private const int ReminderRows = 15_000;

    private static readonly (string Id, string Version, string MainClass, string Suffix)[] Plugins =
    [
        ("xyz.maubot.echo", "1.4.0", "EchoBot", ""),
        ("xyz.maubot.reminder", "0.3.0", "ReminderBot", "-ts1767225600000"),
        ("org.example.standup", "2.0.1", "StandupBot", ""),
    ];

    public static void Create(string directory)
    {
        string plugins = Path.Combine(directory, "plugins"), trash = Path.Combine(directory, "trash");
        foreach (string made in new[] { "config", "plugins", "trash", "logs" }) Directory.CreateDirectory(Path.Combine(directory, made));
        File.WriteAllText(Path.Combine(directory, "config", "config.yaml"), Config);
        PosixDirectory.Current.SetMode(BytePath.From(Path.Combine(directory, "config", "config.yaml")), 0x180); // 0600| UnixFileMode.UserWrite);
        foreach ((string id, string version, string mainClass, string suffix) in Plugins)
            WritePlugin(Path.Combine(plugins, $"{id}-v{version}{suffix}.mbp"), id, version, mainClass);
        WritePlugin(Path.Combine(trash, "1767139200-delete-xyz.maubot.echo-v1.3.0.mbp"), "xyz.maubot.echo", "1.3.0", "EchoBot");
        CreatePluginDatabase(Path.Combine(plugins, "reminder.db"), "WAL");
        CreatePluginDatabase(Path.Combine(plugins, "standup.db"), "DELETE");
        File.WriteAllText(Path.Combine(directory, "logs", "maubot.log"), DemoText.Log(new Random(1), 4_000_000));
        BotDatabase.Create(Path.Combine(directory, "bot.db"));
    }

    public static void Change(string directory, int seed)
    {
        var random = new Random(seed);
        File.AppendAllText(Path.Combine(directory, "logs", "maubot.log"), DemoText.Log(random, 20_000));
        WritePlugin(Path.Combine(directory, "plugins", $"org.example.poll-v0.{seed}.0.mbp"), "org.example.poll", $"0.{seed}.0", "PollBot");
        using SqliteConnection connection = Open(Path.Combine(directory, "plugins", "reminder.db"));
        Execute(connection, $"UPDATE reminder SET message = 'changed {seed}' WHERE id % 500 = {Math.Abs(seed % 500)}");
    }

    internal static SqliteConnection Open(string path)
    {
        var connection = new SqliteConnection(new SqliteConnectionStringBuilder { DataSource = path, Pooling = false }.ToString());
        connection.Open();
        // SQLite's own waiting: that of the provider sleeps 150 ms a time.
        Execute(connection, "PRAGMA busy_timeout=5000");
        return connection;
    }

    internal static void Execute(SqliteConnection connection, string sql)
    {
        using SqliteCommand command = connection.CreateCommand();
        command.CommandText = sql;
        command.ExecuteNonQuery();
    }

    private static void WritePlugin(string path, string id, string version, string mainClass)
    {
        using ZipArchive archive = new(new FileStream(path, FileMode.CreateNew), ZipArchiveMode.Create);
        string module = mainClass.ToLowerInvariant();
        Add("maubot.yaml", Encoding.UTF8.GetBytes($"maubot: 0.5.2\nid: {id}\nversion: {version}\nlicense: MIT\nmodules:\n- {module}\nmain_class: {mainClass}\ndatabase: true\n"));
        Add($"{module}/__init__.py", Encoding.UTF8.GetBytes($"from .bot import {mainClass}\n"));
        Add($"{module}/bot.py", Encoding.UTF8.GetBytes($"from maubot import Plugin\n\n\nclass {mainClass}(Plugin):\n    pass\n"));
        Add("avatar.png", RandomNumberGenerator.GetBytes(20_000));

        void Add(string name, byte[] content)
        {
            using Stream entry = archive.CreateEntry(name).Open();
            entry.Write(content);
        }
    }

    private static void CreatePluginDatabase(string path, string journalMode)
    {
        using SqliteConnection connection = Open(path);
        Execute(connection, $"PRAGMA journal_mode={journalMode}; PRAGMA synchronous=OFF;");
        Execute(connection, "CREATE TABLE version(version INTEGER PRIMARY KEY); INSERT INTO version VALUES(3);");
        Execute(connection, "CREATE TABLE reminder(id INTEGER PRIMARY KEY, event_id TEXT UNIQUE, room_id TEXT, due INTEGER, message TEXT);");
        var random = new Random(path.Length);
        using SqliteTransaction transaction = connection.BeginTransaction();
        using SqliteCommand insert = connection.CreateCommand();
        insert.Transaction = transaction;
        insert.CommandText = "INSERT INTO reminder(event_id, room_id, due, message) VALUES($event, '!room:example.org', $due, $message)";
        SqliteParameter id = insert.Parameters.Add("$event", SqliteType.Text), due = insert.Parameters.Add("$due", SqliteType.Integer),
            message = insert.Parameters.Add("$message", SqliteType.Text);
        for (int i = 0; i < ReminderRows; i++)
        {
            id.Value = $"${random.NextInt64():x16}{random.NextInt64():x16}";
            due.Value = 1_767_225_600 + i * 60L;
            message.Value = DemoText.Sentence(random, random.Next(5, 40));
            insert.ExecuteNonQuery();
        }
        transaction.Commit();
    }

    private const string Config = """
        # The full URI to the database. SQLite and Postgres are fully supported.
        database: sqlite:///bot.db
        # Separate database URL for the crypto database. "default" means the same database as above.
        crypto_database: default
        database_opts:
            min_size: 1
            max_size: 10
        plugin_directories:
            upload: ./plugins
            load:
            - ./plugins
            trash: ./trash
        plugin_databases:
            sqlite: ./plugins
            postgres: null
            postgres_max_conns_per_plugin: 3
            postgres_opts: {}
        server:
            hostname: 127.0.0.1
            port: 29316
            public_url: https://example.org
            ui_base_path: /_matrix/maubot
            plugin_base_path: /_matrix/maubot/plugin/
            override_resource_path: false
            unshared_secret: only-a-demo
        homeservers:
            example.org:
                url: http://127.0.0.1:8008
                secret: null
        admins:
            root: ''
        api_features:
            login: true
            plugin: true
            plugin_upload: true
            instance: true
            instance_database: true
            client: true
            client_proxy: true
            client_auth: true
            dev_open: true
            log: true
        logging:
            version: 1
            handlers:
                file:
                    class: logging.handlers.RotatingFileHandler
                    filename: ./logs/maubot.log

        """;
}
