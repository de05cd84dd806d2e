using System.Diagnostics;
using System.Text.Json;
using BackupTool.EndToEnd.Support;
using BackupTool.Tests.Services.Sources.Sqlite;

namespace BackupTool.EndToEnd;

/// <summary>One entry of a snapshot, and what a database in it answers.</summary>
public sealed class QueryTests : IDisposable
{
    private readonly Sandbox _box = new();

    public void Dispose() => _box.Dispose();

    private async Task<string> BackUpAsync()
    {
        string data = MaubotData.Configure(_box);
        Sql.Make(Path.Combine(data, "bot.db"), """
            PRAGMA journal_mode=WAL; CREATE TABLE client(id TEXT PRIMARY KEY, token BLOB, next_batch TEXT, weight REAL);
            INSERT INTO client VALUES('@a:x', x'00ff', NULL, 1.0), ('say "hi", you', zeroblob(100), 'line' || char(13, 10) || 'two', 2.5), ('', x'', char(27) || '[31m', 9e999);
            CREATE VIRTUAL TABLE found USING fts5(body); INSERT INTO found VALUES('the word');
            """);
        Sql.Make(Path.Combine(data, "plugins/one.db"), "CREATE TABLE kept(x); INSERT INTO kept VALUES(1), (2)");
        Sql.Make(Path.Combine(data, "plugins/two.db"), "CREATE TABLE kept(x)");
        Sql.Make(Path.Combine(data, "plugins/bot.db"), "CREATE TABLE other(x)");
        await _box.InitAsync();
        await _box.BackUpAsync();
        return data;
    }

    private Task<CliResult> ShowAsync(params string[] arguments) => _box.RunAsync(["show", "latest", "maubot", .. arguments]);

    [Fact]
    public async Task Shows_one_entry_by_whole_path_relative_path_name_or_pattern()
    {
        string data = await BackUpAsync();
        foreach (string path in (string[])[$"{data}/plugins/one.db", $"{data[1..]}/plugins/one.db", "plugins/one.db", "one.db", "one*"])
        {
            string line = (await ShowAsync(path)).ShouldExit(0).Output;
            line.Should().StartWith("D").And.EndWith($" {data}/plugins/one.db\n").And.Contain("rw-");
        }
        (await ShowAsync("config.yaml", "--json")).ShouldExit(0).Json.GetProperty("members").GetArrayLength().Should().Be(1);
        (await ShowAsync("*.db")).ShouldFail(2, "'*.db' stands for 4 entries", $"{data}/plugins/two.db");
        (await ShowAsync("nothing.db", "--tables")).ShouldFail(2, "is called 'nothing.db'", $"Its databases are: {data}/bot.db");
        (await ShowAsync("bot.db", "--tables")).ShouldExit(0, "the one directly below the root is nearer").Output.Should().Contain("client");
    }

    [Fact]
    public async Task Answers_as_a_table_as_csv_and_as_json_and_leaves_nothing_behind()
    {
        string data = await BackUpAsync();
        const string all = "SELECT id, token, next_batch, weight FROM client ORDER BY rowid";
        string table = (await ShowAsync("bot.db", "--sql", all)).ShouldExit(0).Output;
        string[] lines = table.Split('\n');
        lines[0].Should().MatchRegex("^id +token +next_batch +weight$");
        lines[1].Should().MatchRegex("^@a:x +x'00ff' +NULL +1\\.0$");
        lines[2].Should().Contain("x'00000000000000000000000000000000…' (100 bytes)").And.Contain("line\\x0d\\x0atwo");
        lines[3].Should().Contain("\\x1b[31m").And.EndWith("Inf", "and nothing steers the terminal");

        (await ShowAsync("bot.db", "--csv", "--sql", all)).ShouldExit(0).Output.Should().Be(
            "id,token,next_batch,weight\r\n@a:x,x'00ff',,1.0\r\n\"say \"\"hi\"\", you\",x'" + new string('0', 200) + "',\"line\r\ntwo\",2.5\r\n\"\",x'',\u001b[31m,Inf\r\n");

        JsonElement json = (await ShowAsync("bot.db", "--json", "--sql", all)).ShouldExit(0).Json;
        json.GetProperty("path").GetString().Should().Be($"{data}/bot.db");
        json.GetProperty("columns").EnumerateArray().Select(static c => c.GetString()).Should().Equal("id", "token", "next_batch", "weight");
        JsonElement first = json.GetProperty("rows")[0];
        first[1].GetBytesFromBase64().Should().Equal(0, 255);
        first[2].ValueKind.Should().Be(JsonValueKind.Null);
        first[3].GetDouble().Should().Be(1);

        (await ShowAsync("bot.db", "--tables")).ShouldExit(0).Output.Should().MatchRegex("client +3\n").And.MatchRegex("found +1\n");
        (await ShowAsync("one.db", "--tables", "--json")).ShouldExit(0).Json.GetProperty("tables")[0].GetProperty("rows").GetInt64().Should().Be(2);
        (await ShowAsync("bot.db", "--csv", "--sql", "SELECT body FROM found WHERE found MATCH 'word'; -- a comment may follow")).ShouldExit(0).Output.Should().Be("body\r\nthe word\r\n");
        (await ShowAsync("bot.db", "--csv", "--sql", "PRAGMA table_info(client)")).ShouldExit(0).Output.Should().Contain("next_batch,TEXT");
        _box.FindLeftovers().Should().BeEmpty();
    }

    [Theory]
    [InlineData("SELEKT 1", "SQLite: near \"SELEKT\": syntax error")]
    [InlineData("SELECT * FROM nowhere", "no such table: nowhere")]
    [InlineData("", "no statement")]
    [InlineData(" -- nothing", "no statement")]
    [InlineData("SELECT 1; SELECT 2", "more than one statement")]
    [InlineData("SELECT 1; DELETE FROM client", "more than one statement")]
    [InlineData("DELETE FROM client", "it would write")]
    [InlineData("CREATE TEMP TABLE t(x)", "it would write")]
    [InlineData("WITH x AS (SELECT 1) INSERT INTO client(id) SELECT * FROM x", "it would write")]
    [InlineData("VACUUM INTO '/tmp/never-made'", "it would write")]
    [InlineData("ATTACH '/etc/passwd' AS other", "other files")]
    [InlineData("SELECT load_extension('/tmp/x.so')", "load_extension")]
    [InlineData("PRAGMA query_only=0", "PRAGMA query_only")]
    [InlineData("BEGIN", "transaction")]
    public async Task Whatever_is_wrong_with_a_statement_or_does_more_than_read_is_refused(string sql, string says)
    {
        await BackUpAsync();
        CliResult result = (await ShowAsync("bot.db", "--sql", sql)).ShouldFail(2, says);
        result.Output.Should().BeEmpty();
        File.Exists("/tmp/never-made").Should().BeFalse();
        _box.FindLeftovers().Should().BeEmpty();
    }

    [Fact]
    public async Task What_does_not_fit_together_is_refused()
    {
        await BackUpAsync();
        (await _box.RunAsync("show", "latest", "--sql", "SELECT 1")).ShouldFail(2, "PATH");
        (await ShowAsync("--tables")).ShouldFail(2, "PATH");
        (await ShowAsync("bot.db", "--csv")).ShouldFail(2, "--csv");
        (await ShowAsync("bot.db", "--csv", "--json", "--sql", "SELECT 1")).ShouldFail(2, "together");
        (await ShowAsync("bot.db", "--tables", "--sql", "SELECT 1")).ShouldFail(2, "together");
        (await ShowAsync("config.yaml", "--sql", "SELECT 1")).ShouldFail(2, "config.yaml is not a SQLite database", "bot.db");
        (await ShowAsync("plugins", "--sql", "SELECT 1")).ShouldFail(2, "is not a SQLite database");
    }

    [Fact]
    public async Task Without_a_configuration_the_repository_alone_is_enough()
    {
        await BackUpAsync();
        string temporary = _box.Make("temporary");
        CliResult result = await Cli.ShellAsync("TMPDIR=\"$1\" \"$2\" show latest maubot one.db --csv --sql 'SELECT sum(x) AS s FROM kept' --repository \"$3\" --config /nowhere/backup.toml",
            temporary, BackupBinary.Path, _box.Repository);
        result.ShouldExit(0).Output.Should().Be("s\r\n3\r\n");
        Directory.EnumerateFileSystemEntries(temporary).Should().BeEmpty();
    }

    [Fact]
    public async Task An_interrupt_ends_a_long_query_and_the_restored_database_is_removed()
    {
        await BackUpAsync();
        const string endless = "WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n) SELECT count(*) FROM n";
        CliResult result = await Cli.RunProgramAsync(BackupBinary.Path, ["show", "latest", "maubot", "bot.db", "--sql", endless, "--config", _box.ConfigFile], process =>
        {
            var patience = Stopwatch.StartNew();
            while (!Sandbox.FilesBelow(_box.Staging).Any() && patience.Elapsed < TimeSpan.FromSeconds(30)) Thread.Sleep(20);
            Thread.Sleep(300);
            using Process interrupt = Process.Start("kill", ["-INT", process.Id.ToString(System.Globalization.CultureInfo.InvariantCulture)]);
            interrupt.WaitForExit();
        });
        result.ShouldFail(130, "cancelled").Elapsed.Should().BeLessThan(TimeSpan.FromSeconds(40));
        _box.FindLeftovers().Should().BeEmpty();
    }
}
