using System.Text;
using BackupTool.Operations;
using BackupTool.Operations.Backup;
using BackupTool.Repositories.Snapshots;
using BackupTool.Tests.Services.Health;
using BackupTool.Tests.Services.Sources.Sqlite;
using Microsoft.Data.Sqlite;
using RocksDbSharp;

namespace BackupTool.Tests.Operations.Backup;

/// <summary>A broken state is kept as it lies before it is replaced, and is no backup otherwise.</summary>
public sealed class BrokenStateTests : IDisposable
{
    private static readonly BackupRequest Safety = new() { AcceptsDamage = true };

    private readonly BackupBox _box = new();

    public void Dispose() => _box.Dispose();

    [Theory]
    [InlineData("pages")]
    [InlineData("header")]
    [InlineData("cut")]
    [InlineData("empty")]
    [InlineData("empty with a log")]
    public async Task A_damaged_database_fails_a_backup_and_is_kept_as_it_lies_by_a_safety_snapshot(string damage)
    {
        (string data, string service) = Maubot();
        string database = Path.Combine(data, "bot.db");
        Damage(database, damage);
        byte[] before = File.ReadAllBytes(database), wal = File.ReadAllBytes(database + "-wal");
        Func<Task> backup = () => _box.RunAsync(service);
        (await backup.Should().ThrowAsync<OperationException>()).Which.Message.Should().Contain(database);

        ServiceSnapshot snapshot = await _box.SnapshotAsync(service, Safety);

        snapshot.Warnings.Should().Contain(warning => warning.Path == database && warning.Reason.StartsWith("is damaged, and stored as it lies"));
        string restored = await _box.RestoreAsync(snapshot);
        File.ReadAllBytes(restored + database).Should().Equal(before);
        File.ReadAllBytes(restored + database + "-wal").Should().Equal(wal);
        File.ReadAllText(restored + data + "/config.yaml").Should().StartWith("database");
    }

    [Fact]
    public async Task A_missing_database_fails_a_backup_and_is_a_warning_of_a_safety_snapshot()
    {
        (string data, string service) = Maubot();
        string database = Path.Combine(data, "bot.db");
        File.Delete(database);
        Func<Task> backup = () => _box.RunAsync(service);
        (await backup.Should().ThrowAsync<OperationException>()).Which.Message.Should().Contain(database);

        ServiceSnapshot snapshot = await _box.SnapshotAsync(service, Safety);

        snapshot.Warnings.Should().ContainSingle().Which.Should().Match<LeftOut>(warning => warning.Path == database && warning.Reason.Contains("missing"));
        File.Exists(await _box.RestoreAsync(snapshot) + data + "/config.yaml").Should().BeTrue();
    }

    [Fact]
    public async Task A_sound_database_is_stored_as_ever_by_a_safety_snapshot()
    {
        (string data, string service) = Maubot();
        string database = Path.Combine(data, "bot.db");
        using SqliteConnection open = Sql.Open(database);
        open.Run("PRAGMA journal_mode=WAL; PRAGMA wal_autocheckpoint=0; INSERT INTO client VALUES('@late:example.org')");

        ServiceSnapshot snapshot = await _box.SnapshotAsync(service, Safety);

        snapshot.Warnings.Should().BeEmpty();
        string restored = await _box.RestoreAsync(snapshot) + database;
        File.Exists(restored + "-wal").Should().BeFalse();
        Sql.Ask(restored, "SELECT count(*) FROM client WHERE id = '@late:example.org'").Should().Be(1L);
    }

    [Fact]
    public async Task A_damaged_database_is_stored_again_by_the_next_snapshot_too_and_as_a_database_once_it_is_sound()
    {
        (string data, string service) = Maubot();
        string database = Path.Combine(data, "bot.db");
        byte[] sound = File.ReadAllBytes(database);
        Damage(database, "pages");
        await _box.SnapshotAsync(service, Safety);
        (await _box.SnapshotAsync(service, Safety)).Warnings.Should().Contain(warning => warning.Path == database);
        Func<Task> backup = () => _box.RunAsync(service);
        await backup.Should().ThrowAsync<OperationException>("an ordinary backup is not misled by the safety snapshot before it");
        File.WriteAllBytes(database, sound);
        File.Delete(database + "-wal");
        ServiceSnapshot healed = await _box.SnapshotAsync(service);
        healed.Warnings.Should().BeEmpty();
        Sql.Ask(await _box.RestoreAsync(healed) + database, "SELECT count(*) FROM client").Should().Be(2000L);
    }

    [Theory]
    [InlineData("CURRENT")]
    [InlineData("MANIFEST-*")]
    public async Task A_RocksDB_that_cannot_be_opened_fails_a_backup_and_is_kept_as_it_lies_by_a_safety_snapshot(string missing)
    {
        string database = _box.Make("db"), config = _box.Below("continuwuity.toml");
        using (RocksDb made = RocksDb.Open(new DbOptions().SetCreateIfMissing(), database))
        {
            for (int i = 0; i < 100; i++) made.Put(BitConverter.GetBytes(i), new byte[1000]);
            made.Flush(new FlushOptions().SetWaitForFlush(true));
        }
        foreach (string file in Directory.GetFiles(database, missing)) File.Delete(file);
        File.WriteAllText(config, $"[global]\ndatabase_path = \"{database}\"\n");
        string service = $"[service.homeserver]\nkind = \"continuwuity\"\nconfig = \"{config}\"";
        Func<Task> backup = () => _box.RunAsync(service);
        (await backup.Should().ThrowAsync<OperationException>()).Which.Message.Should().Contain(database);

        ServiceSnapshot snapshot = await _box.SnapshotAsync(service, Safety);

        snapshot.Warnings.Should().ContainSingle().Which.Should().Match<LeftOut>(warning => warning.Path == database && warning.Reason.Contains("as they lie"));
        string restored = await _box.RestoreAsync(snapshot) + database;
        string[] kept = [.. Directory.GetFiles(database).Where(static file => Path.GetFileName(file) is not ("LOCK" or "LOG"))];
        kept.Should().Contain(file => file.EndsWith(".sst", StringComparison.Ordinal));
        foreach (string file in kept) File.ReadAllBytes(Path.Combine(restored, Path.GetFileName(file))).Should().Equal(File.ReadAllBytes(file));
    }

    [Fact]
    public async Task A_homeserver_whose_database_is_gone_keeps_its_configuration()
    {
        string config = _box.Below("continuwuity.toml"), database = _box.Below("gone");
        File.WriteAllText(config, $"[global]\ndatabase_path = \"{database}\"\n");
        ServiceSnapshot snapshot = await _box.SnapshotAsync($"[service.homeserver]\nkind = \"continuwuity\"\nconfig = \"{config}\"", Safety);
        snapshot.Warnings.Should().Contain(warning => warning.Path == database);
        File.Exists(await _box.RestoreAsync(snapshot) + config).Should().BeTrue();
    }

    [Fact]
    public async Task A_directory_that_is_gone_is_a_warning_and_the_rest_is_kept()
    {
        string there = _box.Make("there"), gone = _box.Below("gone"), service = $"[service.x]\nkind = \"files\"\npaths = [\"{there}\", \"{gone}\"]";
        File.WriteAllText(Path.Combine(there, "file"), "content");
        Func<Task> backup = () => _box.RunAsync(service);
        await backup.Should().ThrowAsync<OperationException>();
        ServiceSnapshot snapshot = await _box.SnapshotAsync(service, Safety);
        snapshot.Warnings.Should().ContainSingle().Which.Path.Should().Be(gone);
        File.Exists(await _box.RestoreAsync(snapshot) + there + "/file").Should().BeTrue();
    }

    [Fact]
    public async Task A_configuration_that_cannot_be_read_fails_a_safety_snapshot_too()
    {
        (string data, string service) = Maubot();
        File.WriteAllText(Path.Combine(data, "config.yaml"), "database: [");
        Func<Task> safety = () => _box.RunAsync(service, Safety);
        await safety.Should().ThrowAsync<OperationException>();
    }

    [Fact]
    public async Task A_PostgreSQL_that_does_not_answer_fails_a_backup_and_is_a_warning_of_a_safety_snapshot_that_has_something_else()
    {
        string data = _box.Make("bridge"), nowhere = $"postgres://bridge@127.0.0.1:{RawServer.FreePort()}/bridge?sslmode=disable";
        File.WriteAllText(Path.Combine(data, "config.yaml"), $"database:\n  type: postgres\n  uri: {nowhere}\nappservice:\n  id: slack\n");
        string service = $"[service.slack]\nkind = \"mautrix\"\ndata = \"{data}\"";
        Func<Task> backup = () => _box.RunAsync(service);
        await backup.Should().ThrowAsync<OperationException>();

        ServiceSnapshot snapshot = await _box.SnapshotAsync(service, Safety);

        snapshot.Warnings.Should().ContainSingle().Which.Should().Match<LeftOut>(warning => warning.Path == "/postgresql-dumps/bridge.dump" && warning.Reason.Contains("cannot be dumped"));
        File.Exists(await _box.RestoreAsync(snapshot) + data + "/config.yaml").Should().BeTrue();
    }

    [Fact]
    public async Task A_PostgreSQL_that_does_not_answer_fails_a_safety_snapshot_that_has_nothing_else()
    {
        Func<Task> safety = () => _box.RunAsync($"[service.db]\nkind = \"postgres\"\ndatabases = [\"bridge\"]\npostgres = {{ host = \"127.0.0.1\", port = {RawServer.FreePort()} }}", Safety);
        (await safety.Should().ThrowAsync<OperationException>()).Which.Message.Should().Contain("Nothing of the service db can be stored");
    }

    private (string Data, string Service) Maubot()
    {
        string data = _box.Make("maubot");
        foreach (string directory in (string[])["plugins", "trash"]) Directory.CreateDirectory(Path.Combine(data, directory));
        File.WriteAllText(Path.Combine(data, "config.yaml"), """
            database: sqlite:bot.db
            crypto_database: default
            plugin_directories:
              upload: ./plugins
              load: [./plugins]
              trash: ./trash
            plugin_databases:
              sqlite: ./plugins
            server:
              hostname: 127.0.0.1
              port: 29316
            """);
        Sql.Make(Path.Combine(data, "bot.db"), """
            CREATE TABLE client(id TEXT PRIMARY KEY);
            WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 2000) INSERT INTO client SELECT '@bot' || i || ':example.org' FROM n
            """);
        return (data, $"[service.maubot]\nkind = \"maubot\"\ndata = \"{data}\"");
    }

    private static void Damage(string database, string how)
    {
        byte[] bytes = File.ReadAllBytes(database);
        if (how == "pages") new Random(1).NextBytes(bytes.AsSpan(4096));
        if (how == "header") new Random(1).NextBytes(bytes);
        if (how == "cut") bytes = bytes[..(bytes.Length / 2)];
        if (how.StartsWith("empty", StringComparison.Ordinal)) bytes = [];
        File.WriteAllBytes(database, bytes);
        File.WriteAllBytes(database + "-wal", how == "empty with a log" ? [0x37, 0x7f, 0x06, 0x82, .. new byte[28]] : Encoding.ASCII.GetBytes("left over"));
    }
}
