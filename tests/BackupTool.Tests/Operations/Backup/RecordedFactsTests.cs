using BackupTool.Operations.Backup;
using BackupTool.Repositories.Snapshots;
using BackupTool.Services.Sources.RocksDb;
using BackupTool.Tests.Services.Health;
using BackupTool.Tests.Services.Homeservers;
using BackupTool.Tests.Services.Sources.Sqlite;
using RocksDbSharp;

namespace BackupTool.Tests.Operations.Backup;

/// <summary>What a snapshot records of a service, so that a restore can tell whether the same one runs again, and can run at all.</summary>
public sealed class RecordedFactsTests : IDisposable
{
    private readonly BackupBox _box = new();

    public void Dispose() => _box.Dispose();

    [Fact]
    public async Task A_homeserver_that_runs_says_who_it_is_and_its_database_is_known_by_its_identity()
    {
        await using RawServer server = HomeserverIdentityTests.Homeserver();
        (string database, string service) = Homeserver(server.Port);
        string program = _box.Below("continuwuity");
        File.WriteAllText(program, "#!");
        File.SetLastWriteTimeUtc(program, new DateTime(2026, 11, 1, 2, 3, 4, DateTimeKind.Utc));
        File.CreateSymbolicLink(_box.Below("current"), program);
        _box.Units = new FixedUnits(FixedUnits.Unit("hs.service")) { Programs = { ["hs.service"] = _box.Below("current") } };

        ServiceSnapshot snapshot = await _box.SnapshotAsync(service);

        snapshot.Facts.Should().Contain("signing-keys", "ed25519:a_new, ed25519:b").And.Contain("server-version", "Continuwuity 0.5.0")
            .And.Contain("program", $"{program} (2 bytes, 2026-11-01T02:03:04Z)")
            .And.Contain("rocksdb: identity", File.ReadAllText(Path.Combine(database, "IDENTITY")).Trim()).And.Contain("rocksdb: column-families", "3");
        string restored = await _box.RestoreAsync(snapshot);
        RocksDbShapeFacts.Read(BackupTool.Posix.BytePath.From(restored + database)).Should().Be(new RocksDbShapeFacts(snapshot.Facts["rocksdb: identity"], 3));
    }

    [Fact]
    public async Task A_homeserver_that_does_not_answer_costs_no_backup()
    {
        _box.Units = new FixedUnits(FixedUnits.Unit("hs.service"));
        ServiceSnapshot snapshot = await _box.SnapshotAsync(Homeserver(RawServer.FreePort()).Service);
        snapshot.Facts.Keys.Should().NotContain(["signing-keys", "server-version", "program"]).And.Contain("rocksdb: identity");
        _box.Warnings.Should().BeEmpty();
        _box.Messages.Should().ContainMatch("*does not tell who it is: connection refused*");
    }

    [Fact]
    public async Task A_homeserver_whose_unit_is_down_is_not_asked_for_another_may_listen_there()
    {
        await using RawServer server = HomeserverIdentityTests.Homeserver();
        _box.Units = new FixedUnits(FixedUnits.Unit("hs.service", "inactive", "dead"));
        (await _box.SnapshotAsync(Homeserver(server.Port).Service)).Facts.Should().NotContainKey("signing-keys");
        server.Connections.Should().Be(0);
    }

    [Fact]
    public async Task The_version_of_a_databases_schema_is_recorded_and_taken_over_while_it_does_not_change()
    {
        (string database, string service) = Bridge();
        Sql.Make(database, "CREATE TABLE version(v INT, version INT, compat INT); INSERT INTO version VALUES(1, 13, 10); CREATE TABLE crypto_version(version INT); INSERT INTO crypto_version VALUES(4)");
        string expected = "crypto_version=4, version=13 (compatible with 10)";
        (await _box.SnapshotAsync(service)).Facts.Should().Contain($"schema of {database}", expected);
        ServiceSnapshot unchanged = await _box.SnapshotAsync(service);
        unchanged.Facts.Should().Contain($"schema of {database}", expected);
        Sql.Make(database, "UPDATE version SET version = 14");
        (await _box.SnapshotAsync(service)).Facts.Should().Contain($"schema of {database}", "crypto_version=4, version=14 (compatible with 10)");
    }

    [Fact]
    public async Task A_database_that_says_no_version_has_no_such_fact()
    {
        (string database, string service) = Bridge();
        Sql.Make(database, "CREATE TABLE portal(mxid TEXT)");
        (await _box.SnapshotAsync(service)).Facts.Keys.Should().NotContain($"schema of {database}");
        _box.Warnings.Should().BeEmpty();
    }

    [Theory]
    [InlineData("sh", true)]
    [InlineData("no-such-program", false)]
    [InlineData("/no/such/program", false)]
    public void A_program_without_a_path_is_looked_for_where_systemd_does(string program, bool isThere) => (RunningFacts.Describe(program) is not null).Should().Be(isThere);

    private (string Database, string Service) Homeserver(int port)
    {
        string database = _box.Make("db"), config = _box.Below("continuwuity.toml");
        using (RocksDb.Open(new DbOptions().SetCreateIfMissing().SetCreateMissingColumnFamilies(), database, new ColumnFamilies { { "default", new() }, { "pduid_pdu", new() }, { "odd [CFOptions name", new() } }))
        {
        }
        File.WriteAllText(config, $"[global]\nserver_name = \"example.org\"\ndatabase_path = \"{database}\"\naddress = \"127.0.0.1\"\nport = {port}\n");
        return (database, $"[service.homeserver]\nkind = \"continuwuity\"\nconfig = \"{config}\"\nunit = \"hs.service\"\nquiesce = \"online\"");
    }

    private (string Database, string Service) Bridge()
    {
        string data = _box.Make("bridge"), database = Path.Combine(data, "bridge.db");
        File.WriteAllText(Path.Combine(data, "config.yaml"), $"database:\n  type: sqlite3-fk-wal\n  uri: file:{database}?_txlock=immediate\nappservice:\n  id: slack\n");
        File.WriteAllText(Path.Combine(data, "registration.yaml"), "id: slack\n");
        return (database, $"[service.slack]\nkind = \"mautrix\"\ndata = \"{data}\"");
    }
}
