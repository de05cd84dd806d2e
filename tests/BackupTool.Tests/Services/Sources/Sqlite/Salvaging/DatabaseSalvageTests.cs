using System.Globalization;
using BackupTool.Posix;
using BackupTool.Services.Sources.Sqlite.Salvaging;
using BackupTool.Tests.TestSupport;
using Microsoft.Data.Sqlite;

namespace BackupTool.Tests.Services.Sources.Sqlite.Salvaging;

public sealed class DatabaseSalvageTests(ITestOutputHelper output) : IDisposable
{
    private const string Schema = """
        CREATE TABLE dense(id INTEGER PRIMARY KEY, check_sum TEXT, noise BLOB);
        CREATE TABLE sparse(id INTEGER PRIMARY KEY, check_sum TEXT, noise BLOB);
        CREATE TABLE keyed(a TEXT PRIMARY KEY, noise BLOB) WITHOUT ROWID;
        CREATE TABLE wide(id INTEGER PRIMARY KEY, noise BLOB);
        CREATE INDEX by_sum ON dense(check_sum); CREATE VIEW seen AS SELECT id FROM dense; CREATE TABLE log(x);
        CREATE TRIGGER added AFTER INSERT ON log BEGIN UPDATE dense SET id = id WHERE 0; END;
        WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n WHERE x < 6000) INSERT INTO dense SELECT x, 'sum of ' || x, randomblob(60) FROM n;
        INSERT INTO sparse SELECT id * 1000003000007 - 4611686018427387904, check_sum, noise FROM dense WHERE id <= 3000;
        INSERT INTO keyed SELECT printf('%06d', id), noise FROM dense WHERE id <= 2000;
        INSERT INTO wide SELECT id, randomblob(20000) FROM dense WHERE id <= 30;
        INSERT INTO log VALUES(1);
        """;

    private readonly TemporaryDirectory _temp = new();

    private string Damaged => _temp.File("bot.db");
    private string Saved => _temp.File("saved.db");

    public void Dispose() => _temp.Dispose();

    private SalvageReport Salvage(TimeSpan? budget = null) =>
        DatabaseSalvage.Run(BytePath.From(Damaged), BytePath.From(Saved), budget ?? TimeSpan.FromMinutes(1), TimeProvider.System, Test.Token);

    private static Dictionary<string, string> Rows(string path, string sql)
    {
        using SqliteConnection connection = Sql.Open(path, SqliteOpenMode.ReadOnly);
        using SqliteCommand command = connection.CreateCommand();
        command.CommandText = sql;
        using SqliteDataReader reader = command.ExecuteReader();
        var rows = new Dictionary<string, string>();
        while (reader.Read()) rows.Add(reader.GetString(0), reader.GetString(1));
        return rows;
    }

    private static readonly Dictionary<string, string> Queries = new()
    {
        ["dense"] = "SELECT id, check_sum || hex(noise) FROM dense NOT INDEXED",
        ["sparse"] = "SELECT id, check_sum || hex(noise) FROM sparse",
        ["keyed"] = "SELECT a, hex(noise) FROM keyed",
        ["wide"] = "SELECT id, hex(noise) FROM wide",
    };

    private void Overwrite(int page, Action<byte[]> fill)
    {
        byte[] bytes = new byte[4096];
        fill(bytes);
        using FileStream file = File.OpenWrite(Damaged);
        file.Position = page * 4096L;
        file.Write(bytes);
    }

    [Fact]
    public void A_sound_database_comes_over_whole_and_the_original_is_not_touched()
    {
        Sql.Make(Damaged, $"PRAGMA user_version=7; PRAGMA application_id=9; {Schema} CREATE TABLE seq(id INTEGER PRIMARY KEY AUTOINCREMENT); INSERT INTO seq VALUES(50); DELETE FROM seq; CREATE VIRTUAL TABLE found USING fts5(body); INSERT INTO found VALUES('the word');"
            + "CREATE TABLE odd(a, b AS (a * 2), \"c\"\"d\" TEXT); INSERT INTO odd(a, \"c\"\"d\") VALUES(-0.0, 'x' || char(0) || 'y'), (9223372036854775807, NULL), (x'', ''); INSERT INTO odd(rowid, a) VALUES(-9223372036854775808, 1), (9223372036854775807, 2)");
        byte[] before = File.ReadAllBytes(Damaged);
        SalvageReport report = Salvage();
        report.IsWhole.Should().BeTrue(string.Join("; ", report.Lost) + string.Join("; ", report.Tables.Select(static t => t.Problem)));
        report.Findings.Should().BeEmpty();
        foreach (string sql in Queries.Values) Rows(Saved, sql).Should().Equal(Rows(Damaged, sql));
        const string odd = "SELECT group_concat(rowid || typeof(a) || quote(a) || b || typeof(\"c\"\"d\") || hex(\"c\"\"d\"), ' ') FROM odd";
        Sql.Ask(Saved, odd).Should().Be(Sql.Ask(Damaged, odd));
        Sql.Ask(Saved, "SELECT body FROM found WHERE found MATCH 'word'").Should().Be("the word");
        foreach (string pragma in (string[])["user_version", "application_id", "integrity_check"]) Sql.Ask(Saved, $"PRAGMA {pragma}").Should().Be(Sql.Ask(Damaged, $"PRAGMA {pragma}"));
        Sql.Make(Saved, "INSERT INTO seq DEFAULT VALUES; INSERT INTO log VALUES(2)");
        Sql.Ask(Saved, "SELECT id FROM seq").Should().Be(51L);
        Sql.Ask(Saved, "SELECT count(*) FROM sqlite_schema WHERE type IN ('index', 'view', 'trigger') AND sql IS NOT NULL").Should().Be(3L);
        File.ReadAllBytes(Damaged).Should().Equal(before);
        Directory.GetFiles(_temp.Text).Should().BeEquivalentTo(Damaged, Saved);
        PosixDirectory.Current.GetStatus(BytePath.From(Saved)).Mode.Should().Be(0x180);
    }

    [Fact]
    public void Whatever_pages_are_overwritten_what_is_salvaged_was_there_and_most_of_it_is()
    {
        Sql.Make(_temp.File("sound"), Schema);
        Dictionary<string, Dictionary<string, string>> truth = Queries.ToDictionary(static q => q.Key, q => Rows(_temp.File("sound"), q.Value));
        int pages = (int)(new FileInfo(_temp.File("sound")).Length / 4096);
        long possible = 0, saved = 0, nonsense = 0, lostTables = 0;
        for (int seed = 1; seed <= 24; seed++)
        {
            var random = new Random(seed);
            File.Copy(_temp.File("sound"), Damaged, overwrite: true);
            for (int k = random.Next(1, 9); k > 0; k--)
                Overwrite(random.Next(1, pages), seed % 3 == 0 ? static bytes => Array.Clear(bytes) : seed % 3 == 1 ? random.NextBytes : bytes => bytes.AsSpan(0, random.Next(1, 4096)).Fill(0x55));
            byte[] before = File.ReadAllBytes(Damaged);
            SalvageReport report = Salvage();
            File.ReadAllBytes(Damaged).Should().Equal(before);
            Sql.Ask(Saved, "PRAGMA integrity_check").Should().Be("ok");
            foreach ((string table, string sql) in Queries)
            {
                Dictionary<string, string> rows = Rows(Saved, sql);
                // A page of an overflowing value has no structure: what is written over it is read as data.
                int wrong = rows.Count(row => !truth[table].TryGetValue(row.Key, out string? real) || real != row.Value);
                if (table != "wide") wrong.Should().Be(0, "seed {0}, table {1}", seed, table);
                else rows.Keys.Should().BeSubsetOf(truth[table].Keys);
                nonsense += wrong;
                possible += truth[table].Count;
                saved += rows.Count;
                SalvagedTable told = report.Tables.Single(t => t.Name == table);
                told.Rows.Should().Be(rows.Count);
                if (rows.Count == 0) lostTables++;
                if (rows.Count < truth[table].Count) (told.IsWhole, report.IsWhole).Should().Be((false, false), "seed {0}: a loss is told", seed);
                if (told.Unread.Count > 0 && table != "keyed")
                    truth[table].Keys.Except(rows.Keys).Should().OnlyContain(id => told.Unread.Any(r => r.First <= long.Parse(id, CultureInfo.InvariantCulture) && r.Last >= long.Parse(id, CultureInfo.InvariantCulture)), "what is missing lies in a range that is told");
            }
            File.Delete(Saved);
        }
        output.WriteLine($"{saved:N0} of {possible:N0} rows, {nonsense} with nonsense in an overflow page, {lostTables} tables lost whole");
        ((double)saved / possible).Should().BeGreaterThan(0.9);
    }

    [Fact]
    public void One_lost_page_in_the_middle_costs_its_rows_and_no_more()
    {
        Sql.Make(Damaged, Schema);
        byte[] whole = File.ReadAllBytes(Damaged);
        // A leaf of the table dense (13), not of its index (10); sparse has no such row.
        int page = Enumerable.Range(1, (whole.Length / 4096) - 1).Single(i => whole[i * 4096] == 13 && whole.AsSpan(i * 4096, 4096).IndexOf("sum of 5000"u8) >= 0);
        Overwrite(page, static bytes => Array.Clear(bytes));
        SalvageReport report = Salvage();
        (report.IsWhole, report.IsOutOfTime).Should().Be((false, false));
        report.Tables.Sum(static t => t.Unread.Count == 0 ? 0 : t.Unread.Sum(static r => r.Last - r.First + 1)).Should().BeInRange(20, 60, "a page holds some forty rows");
        Sql.Ask(Saved, "SELECT count(*) FROM dense").Should().Be(6000 - report.Tables.Single(static t => t.Name == "dense").Unread.Sum(static r => r.Last - r.First + 1));
        Sql.Ask(Saved, "SELECT count(*) FROM dense INDEXED BY by_sum WHERE check_sum > ''").Should().Be(Sql.Ask(Saved, "SELECT count(*) FROM dense NOT INDEXED"), "the index is made anew");
    }

    [Fact]
    public void A_truncated_file_gives_what_is_left_of_it()
    {
        Sql.Make(Damaged, Schema);
        using (FileStream file = File.OpenWrite(Damaged)) file.SetLength(file.Length / 2 / 4096 * 4096 - 1000);
        SalvageReport report = Salvage();
        report.Rows.Should().BeGreaterThan(5000);
        report.IsWhole.Should().BeFalse();
        Sql.Ask(Saved, "PRAGMA integrity_check").Should().Be("ok");
    }

    [Theory]
    [InlineData(512)]
    [InlineData(4096)]
    [InlineData(65536)]
    public void A_header_of_zeros_or_nonsense_is_mended_in_the_copy(int pageSize)
    {
        Sql.Make(Damaged, $"PRAGMA page_size={pageSize}; CREATE TABLE t(x); WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n WHERE x < 20000) INSERT INTO t SELECT hex(randomblob(20)) FROM n");
        byte[] bytes = File.ReadAllBytes(Damaged);
        foreach (byte filler in (byte[])[0, 0xa5])
        {
            bytes.AsSpan(0, 100).Fill(filler);
            File.WriteAllBytes(Damaged, bytes);
            SalvageReport report = Salvage();
            report.Rows.Should().Be(20000);
            File.ReadAllBytes(Damaged).Should().Equal(bytes);
            File.Delete(Saved);
        }
    }

    [Fact]
    public void What_is_in_the_log_is_salvaged_even_when_the_first_page_or_the_whole_file_is_gone()
    {
        using (ChildProcess service = ChildProcess.Start(nameof(SqliteJobs.Hold), Damaged, "PRAGMA journal_mode=WAL; PRAGMA wal_autocheckpoint=0; CREATE TABLE t(x); INSERT INTO t VALUES(1),(2),(3)")) service.Kill();
        byte[] log = File.ReadAllBytes(Damaged + "-wal");
        foreach (int left in (int[])[4096, 0])
        {
            File.WriteAllBytes(Damaged, new byte[left]);
            Salvage().Rows.Should().Be(3);
            File.ReadAllBytes(Damaged + "-wal").Should().Equal(log);
            new FileInfo(Damaged).Length.Should().Be(left);
            Directory.GetFiles(_temp.Text).Should().BeEquivalentTo(Damaged, Damaged + "-wal", Damaged + "-shm", Saved);
            File.Delete(Saved);
        }
    }

    [Fact]
    public void Without_its_list_of_tables_nothing_can_be_salvaged_and_nothing_is_left()
    {
        foreach (Action<byte[]> ruin in (Action<byte[]>[])[static bytes => Array.Clear(bytes), static bytes => new Random(1).NextBytes(bytes), static bytes => bytes.AsSpan(100).Fill(0x55)])
        {
            File.Delete(Damaged);
            Sql.Make(Damaged, Schema);
            Overwrite(0, ruin);
            Action salvage = () => Salvage();
            salvage.Should().Throw<NothingToSalvageException>().WithMessage("nothing can be salvaged from*bot.db*").Which.Hint.Should().Contain("snapshot");
            Directory.GetFiles(_temp.Text).Should().Equal(Damaged);
        }
    }

    [Fact]
    public void A_definition_that_is_damaged_costs_its_table_and_no_other()
    {
        Sql.Make(Damaged, "CREATE TABLE a(x); INSERT INTO a VALUES(1); CREATE TABLE broken(y, z); INSERT INTO broken VALUES(1, 2); CREATE TABLE c(x); INSERT INTO c VALUES(3); CREATE UNIQUE INDEX i ON c(x)");
        byte[] bytes = File.ReadAllBytes(Damaged);
        int at = bytes.AsSpan().IndexOf("broken(y, z)"u8);
        "((((((((((((".Select(static c => (byte)c).ToArray().CopyTo(bytes, at);
        File.WriteAllBytes(Damaged, bytes);
        SalvageReport report = Salvage();
        report.Lost.Should().ContainSingle().Which.Name.Should().Be("broken");
        report.Tables.Select(static t => (t.Name, t.Rows)).Should().Equal(("a", 1), ("c", 1));
        report.IsWhole.Should().BeFalse();
    }

    [Fact]
    public void The_time_that_it_takes_is_bounded()
    {
        Sql.Make(Damaged, Schema);
        SalvageReport report = Salvage(TimeSpan.FromMilliseconds(40));
        if (report.IsOutOfTime) report.Tables.Should().Contain(static t => t.Problem != null);
        Action none = () => Salvage(TimeSpan.Zero);
        File.Delete(Saved);
        none.Should().Throw<NothingToSalvageException>().WithMessage("*time was up*");
        Directory.GetFiles(_temp.Text).Should().Equal(Damaged);
    }
}
