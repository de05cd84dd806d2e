using BackupTool.Operations;
using BackupTool.Operations.Backup;
using BackupTool.Repositories.Snapshots;
using BackupTool.Tests.Services.Sources.Postgres;

namespace BackupTool.Tests.Operations.Backup;

[Collection("pg_dump")]   // some count the programs that this process runs
public sealed class BrokenPostgresTests(PostgresServer server) : IClassFixture<PostgresServer>, IDisposable
{
    private readonly BackupBox _box = new();

    public void Dispose() => _box.Dispose();

    [Fact]
    public async Task A_database_whose_dump_breaks_off_fails_a_backup_and_is_left_out_with_a_warning_by_a_safety_snapshot()
    {
        string good = server.NewDatabase(100), broken = Break(good);
        server.Real.Sql(good, "CREATE TABLE version(version int, compat int); INSERT INTO version VALUES(13, 10)");
        Func<Task> backup = () => _box.RunAsync(Service(good, broken));
        (await backup.Should().ThrowAsync<OperationException>()).Which.Message.Should().Contain(broken);

        ServiceSnapshot snapshot = await _box.SnapshotAsync(Service(good, broken), new BackupRequest { AcceptsDamage = true });

        snapshot.Warnings.Should().ContainSingle().Which.Should().Match<LeftOut>(warning => warning.Path == $"/postgresql-dumps/{broken}.dump" && warning.Reason.Contains("cannot be dumped"));
        snapshot.Facts.Should().Contain($"postgresql-dumps/{good}.dump: schema", "version=13 (compatible with 10)").And.NotContainKey($"postgresql-dumps/{broken}.dump: tables");
        string restored = await _box.RestoreAsync(snapshot) + "/postgresql-dumps/";
        Directory.GetFiles(restored).Select(Path.GetFileName).Should().BeEquivalentTo($"{good}.dump", "globals.sql");
        server.Restore(File.ReadAllBytes(restored + good + ".dump"));
    }

    private string Service(params string[] databases) => $"""
        [service.db]
        kind = "postgres"
        databases = [{string.Join(", ", databases.Select(static name => $"\"{name}\""))}]
        postgres = {"{"} host = "{server.Real.SocketDirectory}", port = {server.Real.Port}, role = "postgres", system-user = "{server.Real.SystemUser}" {"}"}
        """;

    /// <summary>Copies a database past the server's memory, and damages the copy's table on the disk.</summary>
    private string Break(string database)
    {
        string broken = "broken" + database;
        server.Real.Sql("postgres", $"CREATE DATABASE {broken} TEMPLATE {database} STRATEGY file_copy");
        string oid = server.Real.Sql("postgres", $"SELECT oid FROM pg_database WHERE datname = '{broken}'").Trim(), file = server.Real.Sql(database, "SELECT pg_relation_filenode('events')").Trim();
        string path = Path.Combine(server.Real.DataDirectory, "base", oid, file);
        byte[] bytes = File.ReadAllBytes(path);
        new Random(1).NextBytes(bytes);
        using FileStream stream = File.OpenWrite(path);   // the owner stays
        stream.Write(bytes);
        return broken;
    }
}
