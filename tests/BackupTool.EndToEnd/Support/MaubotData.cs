using System.IO.Compression;
using BackupTool.Tests.Services.Sources.Sqlite;

namespace BackupTool.EndToEnd.Support;

/// <summary>A maubot as domain knowledge has it: config.yaml, bot.db, plugins, instance databases, trash.</summary>
internal static class MaubotData
{
    /// <summary>Configures the service <c>maubot</c> with a config.yaml and nothing else; returns its data directory.</summary>
    internal static string Configure(Sandbox box, params string[] more)
    {
        string data = box.Make("var/lib/maubot");
        box.Make("var/lib/maubot/plugins");
        File.WriteAllText(Path.Combine(data, "config.yaml"), """
            database: sqlite:///bot.db
            crypto_database: default
            plugin_directories: { upload: ./plugins, load: [./plugins], trash: ./trash }
            plugin_databases: { sqlite: ./plugins }
            """);
        box.Configure([$"[service.maubot]\nkind = \"maubot\"\ndata = \"{data}\"", .. more]);
        return data;
    }

    /// <summary>Fills it: the main database with so many rows, instance databases, plugins and trash.</summary>
    internal static void Fill(string data, int rows, int instances, int plugins)
    {
        MakeDatabase(Path.Combine(data, "bot.db"), rows);
        Directory.CreateDirectory(Path.Combine(data, "trash"));
        for (int i = 0; i < instances; i++) MakeDatabase(Path.Combine(data, $"plugins/instance-{i}.db"), rows / 10);
        for (int i = 0; i < plugins; i++) MakePlugin(Path.Combine(data, $"plugins/org.example.p{i}-v1.0.{i}.mbp"), $"org.example.p{i}", $"1.0.{i}");
        MakePlugin(Path.Combine(data, "trash/1700000000-update-org.example.p0-v0.9.0.mbp"), "org.example.p0", "0.9.0");
    }

    private static void MakeDatabase(string path, int rows) => Sql.Make(path, $"""
        PRAGMA journal_mode=WAL;
        CREATE TABLE state(id INTEGER PRIMARY KEY, value);
        WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n WHERE x < {rows}) INSERT INTO state SELECT x, randomblob(1000) FROM n;
        """);

    internal static void MakePlugin(string path, string id, string version)
    {
        using ZipArchive zip = ZipFile.Open(path, ZipArchiveMode.Create);
        Write("maubot.yaml", $"maubot: 0.5.0\nid: {id}\nversion: {version}\nlicense: MIT\nmodules: [bot]\nmain_class: Bot\n");
        Write("bot/__init__.py", $"# {Convert.ToHexString(Guid.NewGuid().ToByteArray())}\n");

        void Write(string name, string text)
        {
            using var writer = new StreamWriter(zip.CreateEntry(name).Open());
            writer.Write(text);
        }
    }
}
