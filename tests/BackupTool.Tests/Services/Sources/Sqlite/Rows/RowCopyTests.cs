using BackupTool.Posix;
using BackupTool.Services.Sources.Sqlite;
using BackupTool.Services.Sources.Sqlite.Rows;
using BackupTool.Tests.TestSupport;

namespace BackupTool.Tests.Services.Sources.Sqlite.Rows;

public sealed class RowCopyTests : IDisposable
{
    private readonly TemporaryDirectory _temp = new();

    private string Old => _temp.File("old.db");
    private string New => _temp.File("new.db");

    public void Dispose() => _temp.Dispose();

    private RowCopyReport Copy(string old, string now, params string[] leaveAlone)
    {
        Sql.Make(Old, old);
        Sql.Make(New, now);
        return Copy(leaveAlone);
    }

    private RowCopyReport Copy(params string[] leaveAlone) => RowCopy.Run(BytePath.From(Old), BytePath.From(New), leaveAlone, Test.Token);

    private object? Ask(string sql) => Sql.Ask(New, sql);

    [Fact]
    public void Columns_are_matched_by_name_and_what_one_side_lacks_is_named()
    {
        RowCopyReport report = Copy(
            "CREATE TABLE client(id TEXT PRIMARY KEY, gone, Next_Batch, flag); INSERT INTO client VALUES('@a:x', 'lost', 's1', 1), ('@b:x', 'lost', NULL, x'00ff');",
            "CREATE TABLE client(next_batch TEXT, id TEXT PRIMARY KEY, fresh INTEGER NOT NULL DEFAULT 7, flag); INSERT INTO client VALUES('made', '@new:x', 1, 1), ('made', '@a:x', 1, 1)");

        CopiedTable table = report.Copied.Should().ContainSingle().Subject;
        (table.Name, table.Rows, table.Replaced).Should().Be(("client", 2, 2));
        table.DroppedColumns.Should().Equal("gone");
        table.DefaultedColumns.Should().Equal("fresh");
        Ask("SELECT group_concat(id || ifnull(next_batch, '-') || fresh || quote(flag), ' ') FROM (SELECT * FROM client ORDER BY id)").Should().Be("@a:xs171 @b:x-7X'00FF'");
        Directory.GetFiles(_temp.Text).Should().BeEquivalentTo(Old, New);
    }

    [Fact]
    public void What_the_program_says_of_its_schema_is_the_new_programs_and_stays()
    {
        const string tables = "CREATE TABLE version(version); CREATE TABLE crypto_version(version); CREATE TABLE database_owner(key, owner); CREATE TABLE applied_schema_deltas(v); CREATE TABLE t(x); CREATE TABLE mine(x);";
        string Fill(int v) => $"{tables} INSERT INTO version VALUES({v}); INSERT INTO crypto_version VALUES({v}); INSERT INTO database_owner VALUES(0, {v}); INSERT INTO applied_schema_deltas VALUES({v}); INSERT INTO t VALUES({v}); INSERT INTO mine VALUES({v});";
        RowCopyReport report = Copy(Fill(1) + "CREATE TABLE former(x); INSERT INTO former VALUES(1), (2); CREATE TABLE former_empty(x); CREATE VIEW v AS SELECT 1; ANALYZE", Fill(2), "Mine");

        Ask("SELECT (SELECT version FROM version) || (SELECT version FROM crypto_version) || (SELECT owner FROM database_owner) || (SELECT v FROM applied_schema_deltas) || (SELECT x FROM mine) || (SELECT x FROM t)").Should().Be("222221");
        report.Copied.Select(static t => t.Name).Should().Equal("t");
        report.Skipped.Where(static t => t.LosesData).Should().ContainSingle().Which.Should().BeEquivalentTo(new { Name = "former", Rows = 2L, Reason = "the new schema has no such table" });
        report.Skipped.Select(static t => t.Name).Should().BeEquivalentTo("version", "crypto_version", "database_owner", "applied_schema_deltas", "mine", "former", "former_empty");
    }

    [Fact]
    public void Triggers_do_not_run_again_and_are_there_afterwards()
    {
        const string schema = """
            CREATE TABLE t(id INTEGER PRIMARY KEY, x); CREATE TABLE log(what);
            CREATE TRIGGER added AFTER INSERT ON t BEGIN INSERT INTO log VALUES('added ' || new.x); UPDATE t SET x = x || '!' WHERE id = new.id; END;
            CREATE TRIGGER removed AFTER DELETE ON t BEGIN INSERT INTO log VALUES('removed ' || old.x); END;
            """;
        Copy(schema + "INSERT INTO t VALUES(1, 'a'), (2, 'b')", schema + "PRAGMA recursive_triggers=1; INSERT INTO t VALUES(9, 'new')");
        Ask("SELECT group_concat(what, ',') FROM log").Should().Be("added a,added b");
        Ask("SELECT group_concat(x, ',') FROM t").Should().Be("a!,b!");
        Sql.Make(New, "INSERT INTO t VALUES(3, 'c')");
        Ask("SELECT count(*) FROM log").Should().Be(3L);
    }

    [Fact]
    public void Rowids_and_sequences_are_kept()
    {
        const string schema = "CREATE TABLE plain(x); CREATE TABLE tricky(rowid, x); CREATE TABLE key(id INTEGER PRIMARY KEY, x); CREATE TABLE seq(id INTEGER PRIMARY KEY AUTOINCREMENT, x);"
            + "CREATE TABLE low(id INTEGER PRIMARY KEY AUTOINCREMENT, x); CREATE TABLE \"odd \"\"name\"(a, b, PRIMARY KEY(a, b)) WITHOUT ROWID;";
        Copy(schema + """
            INSERT INTO plain(rowid, x) VALUES(5, 'a'), (-7, 'b'), (9223372036854775807, 'c'); INSERT INTO tricky(_rowid_, rowid, x) VALUES(77, 'text', 1);
            INSERT INTO key VALUES(42, 1); INSERT INTO seq VALUES(100, 1), (200, 2); DELETE FROM seq WHERE id = 200; INSERT INTO "odd ""name" VALUES(1, x'00'), (1, 'z'), (NULL IS 1, 2.5);
            """, schema + "INSERT INTO low VALUES(50, 1); INSERT INTO plain VALUES('mine')");
        Ask("SELECT group_concat(rowid || x, ' ') FROM plain").Should().Be("-7b 5a 9223372036854775807c");
        Ask("SELECT _rowid_ || rowid || x FROM tricky").Should().Be("77text1");
        Ask("SELECT id FROM key").Should().Be(42L);
        Ask("SELECT group_concat(quote(a) || quote(b), ' ') FROM \"odd \"\"name\"").Should().Be("02.5 1'z' 1X'00'");
        Sql.Make(New, "INSERT INTO seq(x) VALUES(3); INSERT INTO low(x) VALUES(2)");
        Ask("SELECT max(id) FROM seq").Should().Be(201L, "the id of a row that was removed is not given again");
        Ask("SELECT max(id) FROM low").Should().Be(51L);
    }

    [Fact]
    public void Values_of_every_kind_come_over_as_they_are_and_what_is_computed_is_computed()
    {
        Copy("""
            CREATE TABLE v(a, b TEXT, c BLOB, d REAL, e INTEGER); CREATE TABLE g(x, twice); INSERT INTO g VALUES(2, 'stale');
            INSERT INTO v VALUES(1, 'ü' || char(0) || 'after', x'00ff00', 1e308, 9223372036854775807), (-0.0, '', x'', NULL, -9223372036854775808), ('1', CAST(x'fffe' AS TEXT), 'text', 3, 'not a number');
            INSERT INTO v VALUES(zeroblob(300000), hex(zeroblob(100000)), NULL, 0, 0)
            """, "CREATE TABLE v(a, b TEXT, c BLOB, d REAL, e INTEGER); CREATE TABLE g(x, twice AS (x * 2) STORED, thrice AS (x * 3))");
        const string all = "SELECT group_concat(typeof(a) || quote(a) || typeof(b) || hex(b) || typeof(c) || quote(c) || typeof(d) || quote(d) || typeof(e) || quote(e), '|') FROM v";
        Ask(all).Should().Be(Sql.Ask(Old, all));
        Ask("SELECT twice || '/' || thrice FROM g").Should().Be("4/6");
    }

    [Fact]
    public void A_write_ahead_log_database_stays_one_and_logs_beside_either_are_brought_in()
    {
        using (ChildProcess service = ChildProcess.Start(nameof(SqliteJobs.Hold), Old, "PRAGMA journal_mode=WAL; CREATE TABLE t(x); INSERT INTO t VALUES(1),(2)")) service.Kill();
        using (ChildProcess service = ChildProcess.Start(nameof(SqliteJobs.Hold), New, "PRAGMA journal_mode=WAL; CREATE TABLE t(x); INSERT INTO t VALUES(3)")) service.Kill();
        Copy().Rows.Should().Be(2);
        Directory.GetFiles(_temp.Text).Should().BeEquivalentTo(Old, New);
        Ask("SELECT sum(x) FROM t").Should().Be(3L);
        Ask("PRAGMA journal_mode").Should().Be("wal");
    }

    [Fact]
    public void References_that_lead_nowhere_undo_all_and_the_first_ten_are_listed()
    {
        const string schema = "CREATE TABLE client(id TEXT PRIMARY KEY); CREATE TABLE instance(id, owner TEXT REFERENCES client(id) ON DELETE CASCADE);";
        Action copy = () => Copy("PRAGMA foreign_keys=0;" + schema + "INSERT INTO client VALUES('a'); WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n WHERE x < 12) INSERT INTO instance SELECT x, 'nobody' FROM n",
            schema + "INSERT INTO client VALUES('mine'); INSERT INTO instance VALUES(1, 'mine')");
        string message = copy.Should().Throw<DatabaseEditException>().Which.Message;
        message.Should().Contain("12 rows").And.Contain("instance row 10 refers to client; …").And.NotContain("row 11");
        Ask("SELECT (SELECT group_concat(id) FROM client) || (SELECT group_concat(owner) FROM instance)").Should().Be("minemine");
        Directory.GetFiles(_temp.Text).Should().BeEquivalentTo(Old, New);
    }

    [Fact]
    public void Emptying_a_parent_takes_no_children_along_and_the_order_of_tables_does_not_matter()
    {
        const string schema = "CREATE TABLE b(id TEXT PRIMARY KEY); CREATE TABLE a(id, owner TEXT REFERENCES b(id) ON DELETE CASCADE); CREATE TABLE kept(owner TEXT REFERENCES b(id) ON DELETE CASCADE);";
        Copy(schema + "INSERT INTO b VALUES('x'); INSERT INTO a VALUES(1, 'x')", schema + "INSERT INTO b VALUES('x'); INSERT INTO kept VALUES('x')", "kept");
        Ask("SELECT (SELECT owner FROM a) || (SELECT owner FROM kept)").Should().Be("xx");
    }

    [Theory]
    [InlineData("CREATE TABLE t(x, must INTEGER NOT NULL)", "*column must of the table t*")]
    [InlineData("CREATE TABLE t(x INTEGER CHECK(x < 2))", "*table t*CHECK*")]
    [InlineData("CREATE TABLE t(x NOT NULL)", "*table t*NOT NULL*")]
    [InlineData("CREATE TABLE t(x UNIQUE)", "*table t*UNIQUE*")]
    [InlineData("CREATE TABLE t(x INTEGER) STRICT", "*table t*cannot store*")]
    public void A_schema_that_refuses_the_rows_keeps_what_it_had(string now, string message)
    {
        byte[]? before = null;
        Action copy = () =>
        {
            Sql.Make(Old, "CREATE TABLE a(y); INSERT INTO a VALUES(1); CREATE TABLE t(x); INSERT INTO t VALUES(1), (2), (2), ('text'), (NULL)");
            Sql.Make(New, $"CREATE TABLE a(y); {now}");
            before = File.ReadAllBytes(New);
            Copy();
        };
        copy.Should().Throw<DatabaseEditException>().WithMessage(message);
        Ask("SELECT count(*) FROM a").Should().Be(0L);
        File.ReadAllBytes(New).Should().Equal(before);
        Directory.GetFiles(_temp.Text).Should().BeEquivalentTo(Old, New);
    }

    [Fact]
    public void A_new_column_that_must_be_given_does_not_matter_to_a_table_without_rows() =>
        Copy("CREATE TABLE t(x)", "CREATE TABLE t(x, must INTEGER NOT NULL)").Copied.Should().ContainSingle().Which.Rows.Should().Be(0);

    [Fact]
    public void Full_text_indexes_find_what_they_found()
    {
        const string schema = """
            CREATE VIRTUAL TABLE own USING fts5(text, note UNINDEXED); CREATE TABLE message(id INTEGER PRIMARY KEY, body);
            CREATE VIRTUAL TABLE found USING fts5(body, content='message', content_rowid='id');
            CREATE TRIGGER message_added AFTER INSERT ON message BEGIN INSERT INTO found(rowid, body) VALUES(new.id, new.body); END;
            CREATE VIRTUAL TABLE old_kind USING fts4(body); CREATE VIRTUAL TABLE place USING rtree(id, low, high);
            """;
        RowCopyReport report = Copy(schema + "INSERT INTO own(rowid, text, note) VALUES(7, 'the old words', 'n'); INSERT INTO message VALUES(3, 'hello there'); INSERT INTO old_kind(docid, body) VALUES(9, 'ancient'); INSERT INTO place VALUES(1, 2, 3)",
            schema + "INSERT INTO message VALUES(4, 'written by the new program'); INSERT INTO own(rowid, text) VALUES(7, 'new')");
        Ask("SELECT rowid || note FROM own WHERE own MATCH 'words'").Should().Be("7n");
        Ask("SELECT rowid FROM found WHERE found MATCH 'hello'").Should().Be(3L);
        Ask("SELECT count(*) FROM found WHERE found MATCH 'written'").Should().Be(0L);
        Ask("SELECT docid FROM old_kind WHERE old_kind MATCH 'ancient'").Should().Be(9L);
        Ask("SELECT id FROM place WHERE low > 1").Should().Be(1L);
        Sql.Make(New, "INSERT INTO found(found) VALUES('integrity-check')");
        report.Skipped.Should().OnlyContain(static t => !t.LosesData);
    }

    [Fact]
    public void A_damaged_old_database_copies_nothing()
    {
        Action copy = () =>
        {
            Sql.Make(Old, "CREATE TABLE t(x); WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n WHERE x < 5000) INSERT INTO t SELECT hex(randomblob(20)) FROM n");
            byte[] bytes = File.ReadAllBytes(Old);
            bytes.AsSpan(20 * 4096, 4096).Fill(0x55);
            File.WriteAllBytes(Old, bytes);
            Sql.Make(New, "CREATE TABLE t(x); INSERT INTO t VALUES(1)");
            Copy();
        };
        copy.Should().Throw<DatabaseEditException>().WithMessage("*malformed*").Which.Hint.Should().Contain("salvage");
        Ask("SELECT count(*) FROM t").Should().Be(1L);
    }
}
