using BackupTool.Operations.Backup;
using BackupTool.Operations.Sanity;
using BackupTool.Operations.Status;
using BackupTool.Posix;
using BackupTool.Repositories.Snapshots;
using BackupTool.Tests.Operations.Backup;
using BackupTool.Tests.Services.Health;
using BackupTool.Tests.Services.Sources.Sqlite;
using BackupTool.Tests.TestSupport;

namespace BackupTool.Tests.Operations.Sanity;

public sealed class ServiceSanityTests : IDisposable
{
    private readonly BackupBox _box = new();
    private readonly SettableTime _time = new(new DateTimeOffset(2026, 3, 1, 2, 30, 0, TimeSpan.Zero));

    public ServiceSanityTests() => _box.Time = _time;

    private string Data => _box.Below("data");

    private string Service(string more = "") => $"[service.bot]\nkind = \"files\"\ndata = \"{Data}\"\n{more}";

    private async Task<ServiceSnapshot> NextDayAsync(string service, BackupRequest? request = null)
    {
        _time.Now += TimeSpan.FromDays(1);
        return (await _box.RunAsync(service, request)).Snapshot!.Snapshot.Services.Single();
    }

    private void Fill(int files = 40)
    {
        PosixDirectory.Current.RemoveTree(BytePath.From(Data));
        Directory.CreateDirectory(Data);
        for (int i = 0; i < files; i++) File.WriteAllText(Path.Combine(Data, $"file-{i}"), $"what is in {i}");
    }

    private async Task<ServiceStatus> StatusAsync(string service) => (await new StatusRun(_box.Configure(service), _time).RunAsync(Test.Token)).Services.Single();

    [Fact]
    public async Task A_directory_that_became_empty_is_a_warning_every_night_until_it_is_filled_again_and_never_good()
    {
        Fill();
        ServiceSnapshot good = await NextDayAsync(Service());
        good.Warnings.Should().BeEmpty();
        Fill(0);
        for (int night = 0; night < 9; night++)
        {
            BackupReport report = await _box.RunAsync(Service());
            report.HasWarnings.Should().BeTrue();
            report.Services.Single().Warnings.Should().ContainSingle().Which.Should().BeEquivalentTo(new { Path = Data, Reason = "holds no file at all: is it the right place, and is it mounted?" });
            report.FirstProblem.Should().Contain("bot").And.Contain("holds no file at all");
            SanityFacts.SuspicionOf(report.Snapshot!.Snapshot.Services.Single()).Should().NotBeNull();
            _time.Now += TimeSpan.FromDays(1);
        }
        ServiceStatus status = await StatusAsync(Service("max-age = \"36h\""));
        status.State.Should().Be(BackupState.Stale);
        status.LastGood!.Files.Should().Be(40);
        status.Trouble.Should().Contain("holds no file at all");

        Fill();
        (await NextDayAsync(Service())).Warnings.Should().BeEmpty();
        (await StatusAsync(Service("max-age = \"36h\""))).Should().BeEquivalentTo(new { State = BackupState.Good, Trouble = (string?)null });
    }

    [Fact]
    public async Task What_shrank_is_suspicious_until_it_is_accepted()
    {
        Fill();
        await NextDayAsync(Service());
        Fill(5);
        (await NextDayAsync(Service())).Warnings.Single().Reason.Should().StartWith("is suspiciously small: ").And.Contain("5 files").And.Contain("40 files").And.Contain("--accept-suspicious");
        (await NextDayAsync(Service("sanity = { shrink = \"95%\" }"))).Warnings.Should().BeEmpty();
        (await NextDayAsync(Service("sanity = false"))).Warnings.Should().BeEmpty();
        Fill(3);
        (await NextDayAsync(Service(), new BackupRequest { AcceptsSuspicious = true })).Warnings.Should().BeEmpty();
        (await NextDayAsync(Service())).Warnings.Should().BeEmpty("it is compared with what was accepted");
    }

    [Theory]
    [InlineData("pages")]
    [InlineData("header")]
    [InlineData("emptied")]
    public async Task A_database_that_was_damaged_is_suspicious_every_night_and_pushes_nothing_out(string damage)
    {
        Fill();
        string database = Path.Combine(Data, "plugin.db");
        Sql.Make(database, "CREATE TABLE t(x); WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n WHERE x < 400) INSERT INTO t SELECT randomblob(300) FROM n;");
        byte[] sound = File.ReadAllBytes(database);
        string good = (await _box.RunAsync(Service())).Snapshot!.Id.Hex;
        byte[] damaged = [.. sound];
        if (damage == "header") new Random(1).NextBytes(damaged.AsSpan(0, 4096));
        else new Random(1).NextBytes(damaged.AsSpan(4096, 40_000));
        File.WriteAllBytes(database, damage == "emptied" ? [] : damaged);

        for (int night = 0; night < 3; night++)
        {
            ServiceSnapshot service = await NextDayAsync(Service());
            service.Warnings.Select(static warning => warning.Path).Distinct().Should().BeEquivalentTo(Data, database);
            SanityFacts.SuspicionOf(service).Should().Contain("has a damaged database, as its last good snapshot has not: ").And.Contain(database);
            SanityFacts.DamagedIn(service).Should().Equal(database);
        }
        ServiceStatus status = await StatusAsync(Service());
        status.LastGood!.Id.Should().Be(good);
        status.Trouble.Should().Contain("damaged database");

        ServiceSnapshot accepted = await NextDayAsync(Service(), new BackupRequest { AcceptsSuspicious = true });
        accepted.Warnings.Select(static warning => warning.Path).Should().Equal([database], "it is damaged all the same");
        SanityFacts.SuspicionOf(accepted).Should().BeNull();
        SanityFacts.SuspicionOf(await NextDayAsync(Service())).Should().BeNull("that is known, and meant");
        File.WriteAllBytes(database, sound);
        (await NextDayAsync(Service())).Warnings.Should().BeEmpty();
    }

    [Fact]
    public async Task A_database_that_was_never_seen_sound_is_a_warning_only()
    {
        Fill();
        File.WriteAllBytes(Path.Combine(Data, "old.db"), [.. "SQLite format 3\0"u8, .. new byte[5000]]);
        for (int night = 0; night < 2; night++)
        {
            ServiceSnapshot service = await NextDayAsync(Service());
            service.Warnings.Should().ContainSingle();
            SanityFacts.SuspicionOf(service).Should().BeNull();
        }
    }

    [Fact]
    public async Task After_a_restore_or_wipe_it_warns_once_and_counts()
    {
        Fill();
        await NextDayAsync(Service());
        await NextDayAsync(Service(), new BackupRequest { AcceptsDamage = true, Labels = ["pre-wipe"] });
        Fill(5);

        ServiceSnapshot first = await NextDayAsync(Service());
        first.Warnings.Single().Reason.Should().Contain("restored in place or wiped after");
        SanityFacts.SuspicionOf(first).Should().BeNull();
        (await NextDayAsync(Service())).Warnings.Should().BeEmpty();
    }

    [Fact]
    public async Task Nothing_that_changes_for_a_fortnight_is_a_warning_where_the_unit_is_active()
    {
        Fill();
        string service = Service("unit = \"bot.service\"\nquiesce = \"online\"");
        _box.Units = new FixedUnits(FixedUnits.Unit("bot.service"));
        for (int night = 0; night < 15; night++) (await NextDayAsync(service)).Warnings.Should().BeEmpty("night {0}", night);

        ServiceSnapshot still = await NextDayAsync(service);
        still.Warnings.Single().Reason.Should().Contain("nothing of it has changed since").And.Contain("though bot.service is active");
        SanityFacts.SuspicionOf(still).Should().BeNull("it is all there");
        (await NextDayAsync(Service())).Warnings.Should().BeEmpty("nobody can say whether something without a unit is in use");
        (await NextDayAsync(service + "\nsanity = { unchanged-after = false }")).Warnings.Should().BeEmpty();
        _box.Units = new FixedUnits(FixedUnits.Unit("bot.service", "inactive", "dead"));
        (await NextDayAsync(service)).Warnings.Should().BeEmpty("it rests");
        _box.Units = new FixedUnits(FixedUnits.Unit("bot.service"));
        File.AppendAllText(Path.Combine(Data, "file-1"), "more");
        (await NextDayAsync(service)).Warnings.Should().BeEmpty();
    }

    [Fact]
    public async Task A_bots_database_that_lost_nearly_everything_is_seen_beside_large_plugins()
    {
        Directory.CreateDirectory(Path.Combine(Data, "plugins"));
        File.WriteAllText(Path.Combine(Data, "config.yaml"), "database: sqlite:///bot.db\nplugin_directories: { upload: ./plugins, load: [./plugins], trash: ./trash }\nplugin_databases: { sqlite: ./plugins }\nserver: { hostname: 127.0.0.1, port: 29316 }\n");
        File.WriteAllBytes(Path.Combine(Data, "plugins/large.bin"), new byte[9 << 20]);
        string database = Path.Combine(Data, "bot.db"), service = $"[service.bot]\nkind = \"maubot\"\ndata = \"{Data}\"\nhealth = false";
        Sql.Make(database, "CREATE TABLE client(id); CREATE TABLE state(x); WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 3000) INSERT INTO state SELECT randomblob(1000) FROM n;");
        ServiceSnapshot first = await NextDayAsync(service);
        first.Facts[$"bytes of {database}"].Should().Be($"{new FileInfo(database).Length}");
        (await NextDayAsync(service)).Facts[$"bytes of {database}"].Should().Be(first.Facts[$"bytes of {database}"], "one that has not changed is as large as it was");

        File.Delete(database);
        Sql.Make(database, "CREATE TABLE client(id);");

        (await NextDayAsync(service)).Warnings.Should().ContainSingle(warning => warning.Reason.Contains("has a suspiciously small database") && warning.Reason.Contains(database));
    }

    public void Dispose() => _box.Dispose();
}
