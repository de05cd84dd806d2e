using BackupTool.Posix;
using BackupTool.Services.Sources.Sqlite;
using BackupTool.Tests.TestSupport;

namespace BackupTool.Tests.Services.Sources.Sqlite;

public sealed class SchemaVersionsTests : IDisposable
{
    private readonly TemporaryDirectory _temp = new();

    private string Live => _temp.File("bot.db");

    public void Dispose() => _temp.Dispose();

    private Dictionary<string, string> Read(string sql)
    {
        File.Delete(Live);
        Sql.Make(Live, sql);
        return new(SchemaVersions.Read(BytePath.From(Live)));
    }

    [Fact]
    public void Knows_the_tables_of_maubot_mautrix_synapse_and_forgejo()
    {
        Read("CREATE TABLE version(version INTEGER PRIMARY KEY); INSERT INTO version VALUES(2); CREATE TABLE mx_version(version INTEGER); INSERT INTO mx_version VALUES(3); CREATE TABLE crypto_version(version INTEGER); INSERT INTO crypto_version VALUES(17)")
            .Should().Equal(new Dictionary<string, string> { ["version"] = "2", ["mx_version"] = "3", ["crypto_version"] = "17" });
        Read("CREATE TABLE version(version INTEGER, compat INTEGER); INSERT INTO version VALUES(13, 10); CREATE TABLE database_owner(key, owner)")
            .Should().Equal(new Dictionary<string, string> { ["version"] = "13 (compatible with 10)" });
        Read("CREATE TABLE schema_version(Lock CHAR(1), version INTEGER, upgraded BOOL); INSERT INTO schema_version VALUES('X', 88, 1); CREATE TABLE schema_compat_version(Lock, compat_version); INSERT INTO schema_compat_version VALUES('X', 83)")
            .Should().Equal(new Dictionary<string, string> { ["schema_version"] = "88 (compatible with 83)" });
        Read("CREATE TABLE version(id INTEGER PRIMARY KEY, version INTEGER); INSERT INTO version VALUES(1, 305); PRAGMA user_version=7")
            .Should().Equal(new Dictionary<string, string> { ["version"] = "305", ["user_version"] = "7" });
        Read("CREATE TABLE version(version INTEGER, compat INTEGER); INSERT INTO version VALUES(13, 13)").Should().Equal(new Dictionary<string, string> { ["version"] = "13" });
    }

    [Fact]
    public void Odd_tables_say_nothing_and_break_nothing() =>
        Read("""
            CREATE TABLE version(x); INSERT INTO version VALUES('version');
            CREATE TABLE empty_version(version);
            CREATE TABLE blob_version(version); INSERT INTO blob_version VALUES(x'00ff');
            CREATE TABLE "od""d_version"(Version TEXT); INSERT INTO "od""d_version" VALUES('v1.2');
            CREATE TABLE conversion(version); INSERT INTO conversion VALUES(1);
            CREATE VIEW view_version AS SELECT * FROM nowhere;
            CREATE TABLE strange_version(version); INSERT INTO strange_version VALUES(1); PRAGMA writable_schema=1;
            UPDATE sqlite_schema SET sql = 'CREATE TABLE strange_version(version COLLATE nobodys)' WHERE name = 'strange_version';
            """).Should().Equal(new Dictionary<string, string> { ["od\"d_version"] = "v1.2" });

    [Fact]
    public void A_live_database_is_asked_without_a_trace()
    {
        using var service = ChildProcess.Start(nameof(SqliteJobs.Hold), Live, "PRAGMA journal_mode=WAL; CREATE TABLE version(version); INSERT INTO version VALUES(2)");
        string[] before = Directory.GetFiles(_temp.Text);
        byte[] main = File.ReadAllBytes(Live), log = File.ReadAllBytes(Live + "-wal");
        SchemaVersions.ReadLive(BytePath.From(Live), new SqliteOptions(), TimeProvider.System, Test.Token).Should().Equal(new Dictionary<string, string> { ["version"] = "2" });
        Directory.GetFiles(_temp.Text).Should().BeEquivalentTo(before);
        File.ReadAllBytes(Live).Should().Equal(main);
        File.ReadAllBytes(Live + "-wal").Should().Equal(log);
    }

    [Fact]
    public void A_still_database_with_wal_gets_no_files_from_being_asked()
    {
        Sql.Make(Live, "PRAGMA journal_mode=WAL; CREATE TABLE version(version); INSERT INTO version VALUES(2)");
        SchemaVersions.ReadLive(BytePath.From(Live), new SqliteOptions(), TimeProvider.System, Test.Token).Should().ContainKey("version");
        SchemaVersions.Read(BytePath.From(Live)).Should().ContainKey("version");
        Directory.GetFiles(_temp.Text).Should().Equal(Live);
    }
}
