using BackupTool.Operations.Configuration;
using BackupTool.Operations.Replacing;
using BackupTool.Operations.Reseed;
using BackupTool.Posix;
using BackupTool.Tests.Services.Sources.Postgres;
using BackupTool.Tests.TestSupport;

namespace BackupTool.Tests.Operations.Reseed;

/// <summary>What of a service is wiped, and what takes its place.</summary>
public sealed class WipeTargetTests(PostgresServer server) : IClassFixture<PostgresServer>, IDisposable
{
    private readonly TemporaryDirectory _box = new();
    private readonly List<string> _refused = [], _warned = [];
    private BackupConfiguration? _configuration;

    public void Dispose() => _box.Dispose();

    private async Task<WipeTargets> FindAsync(string service)
    {
        _configuration = ConfigurationReader.Parse(BytePath.From(_box.Below("backup.toml")), System.Text.Encoding.UTF8.GetBytes($"""
            [repository]
            path = "{_box.Below("repository")}"
            [staging]
            path = "{_box.Below("staging")}"
            [state]
            path = "{_box.Below("state")}"
            [service.it]
            unit = "it.service"
            {service}
            """), null);
        return await new TargetFinder(_configuration, Databases, (message, hint) => _refused.Add($"{message} {hint}"), _warned.Add).FindAsync(_configuration.Services[0], Test.Token);
    }

    private LiveDatabases Databases => new(_configuration, TimeProvider.System);

    private string MakeHomeserver()
    {
        string real = _box.Make("private/conduwuit");
        foreach (string file in (string[])["CURRENT", "MANIFEST-000001", "000003.log", "000002.sst", "LOG", "conduwuit.toml"]) File.WriteAllText(Path.Combine(real, file), "# x");
        _box.Make("private/conduwuit/media");
        Directory.CreateSymbolicLink(_box.Below("conduwuit"), "private/conduwuit");
        return real;
    }

    private static WipePlan PlanOf(WipeTargets targets) => new(targets, [], null) { Problems = [], Warnings = [], Steps = [] };

    private async Task<ReplacementRecord> MakeAsync(WipeTargets targets)
    {
        WipePlan plan = PlanOf(targets);
        var record = new ReplacementRecord
        {
            FormatVersion = 1,
            Id = $"{Guid.NewGuid():N}"[..16],
            Action = "wipe",
            Began = DateTimeOffset.UnixEpoch,
            Phase = ReplacementPhase.Preparing,
            Goal = Side.New,
            Live = Side.Old,
            Services = [],
            Paths = EmptyState.PathsOf(plan, "1"),
            Databases = EmptyState.DatabasesOf(plan),
        };
        await new EmptyState(plan, Databases).MakeAsync(targets.Files.Count > 0 ? record with { Id = "1" } : record, Test.Token);
        return record with { Paths = [.. record.Paths.Select(PathExchange.Identify)] };
    }

    [Fact]
    public async Task Behind_the_link_of_a_dynamic_user_it_is_the_real_directory_and_what_is_not_the_engines_stays()
    {
        string real = MakeHomeserver();

        WipeTargets targets = await FindAsync($"kind = \"conduwuit\"\ndata = \"{_box.Below("conduwuit")}\"");

        _refused.Should().BeEmpty();
        WipedFile file = targets.Files.Should().ContainSingle().Subject;
        file.Should().BeEquivalentTo(new { IsDirectory = true, IsThere = true });
        file.Live.ToString().Should().Be(real);
        file.Carried.Select(static name => name.ToString()).Should().Equal("conduwuit.toml");
    }

    [Fact]
    public async Task An_empty_directory_with_owner_mode_and_attributes_takes_the_place_of_a_rocksdb_and_gives_it_back()
    {
        string real = MakeHomeserver();
        BytePath path = BytePath.From(real);
        PosixDirectory.Current.SetMode(path, 0x1e8);   // 0750
        if (Environment.IsPrivilegedProcess) PosixDirectory.Current.SetOwner(path, 61234, 61235);
        PosixDirectory.Current.SetExtendedAttribute(path, new ExtendedAttribute(BytePath.From("user.x"), [7]));
        FileStatus status = PosixDirectory.Current.GetStatus(path);
        TreeFingerprint before = TreeFingerprint.Of(real, includeRoot: true);
        ReplacementRecord record = await MakeAsync(await FindAsync($"kind = \"conduwuit\"\ndata = \"{_box.Below("conduwuit")}\""));
        using var exchange = new PathExchange(record.Paths[0]);

        exchange.MoveTo(Side.New);

        Directory.GetFileSystemEntries(_box.Below("conduwuit")).Should().Equal(_box.Below("conduwuit/conduwuit.toml"));
        FileStatus now = PosixDirectory.Current.GetStatus(path);
        (now.Uid, now.Gid, now.Mode).Should().Be((status.Uid, status.Gid, status.Mode));
        PosixDirectory.Current.ReadExtendedAttributes(path).Should().ContainSingle(static attribute => attribute.Name.ToString() == "user.x");
        now.Inode.Should().NotBe(status.Inode);

        exchange.MoveTo(Side.Old);
        TreeFingerprint.Of(real, includeRoot: true).ShouldBe(before);
    }

    [Fact]
    public async Task Of_a_maubot_only_the_main_database_is_wiped_damaged_or_missing_as_it_may_be()
    {
        string data = _box.Make("maubot");
        _box.Make("maubot/plugins");
        File.WriteAllText(Path.Combine(data, "config.yaml"), "database: sqlite:///bot.db\ncrypto_database: sqlite:///crypto.db\nplugin_databases: { sqlite: ./plugins }\n");
        File.WriteAllText(Path.Combine(data, "crypto.db"), "garbage");

        WipeTargets targets = await FindAsync($"kind = \"maubot\"\ndata = \"{data}\"");

        _refused.Should().BeEmpty();
        targets.Files.Should().ContainSingle().Which.Should().BeEquivalentTo(new { IsDirectory = false, IsThere = false });
        targets.Files[0].Live.ToString().Should().Be(Path.Combine(data, "bot.db"));
        _warned.Should().ContainSingle().Which.Should().Contain("crypto.db").And.Contain("stays");
    }

    [Theory]
    [InlineData("files", "nothing to wipe")]
    [InlineData("postgres", "whole PostgreSQL server")]
    [InlineData("mautrix", "cannot be told")]
    public async Task What_is_not_known_to_be_a_database_is_refused_with_a_way_out(string kind, string says)
    {
        string data = _box.Make("data");
        await FindAsync($"kind = \"{kind}\"\n{(kind == "postgres" ? "" : $"data = \"{data}\"")}");
        _refused.Should().ContainSingle().Which.Should().Contain(says);
    }

    [Fact]
    public async Task An_empty_database_of_the_same_owner_takes_the_place_of_a_postgresql_database_and_gives_it_back()
    {
        string role = server.NewRole(), database = server.NewDatabase(10);
        server.Real.Sql("postgres", $"ALTER DATABASE {database} OWNER TO {role}");
        WipeTargets targets = await FindAsync($"kind = \"postgres\"\ndatabases = [\"{database}\"]\npostgres = {{ host = \"{server.Real.SocketDirectory}\", port = {server.Real.Port}, role = \"postgres\", system-user = \"{server.Real.SystemUser}\" }}");
        _refused.Should().BeEmpty();
        ReplacementRecord record = await MakeAsync(targets);
        string Tables() => server.Real.Sql(database, "SELECT count(*) FROM pg_tables WHERE schemaname = 'public'").Trim();

        await Databases.MoveToAsync(record, record.Databases[0], Side.New);
        Tables().Should().Be("0");
        server.Real.Sql("postgres", $"SELECT pg_get_userbyid(datdba) FROM pg_database WHERE datname = '{database}'").Trim().Should().Be(role);

        await Databases.MoveToAsync(record, record.Databases[0], Side.Old);
        Tables().Should().Be("1");
        await Databases.DropAsync(record, record.Databases[0], Side.New);
    }

    [Theory]
    [InlineData(ReseedMethod.None, false)]
    [InlineData(ReseedMethod.Rows, true)]
    public void What_by_nature_does_not_come_back_is_told_by_kind(ReseedMethod method, bool saysSince)
    {
        BackupConfiguration configuration = ConfigurationReader.Parse(BytePath.From("/etc/backup/backup.toml"), "[repository]\npath = \"/r\"\n[service.hs]\nkind = \"conduwuit\"\n[service.slack]\nkind = \"mautrix\"\n"u8, "/var/lib/backup");
        WipePlan plan = PlanOf(new WipeTargets { Settings = configuration.Services[0], Layout = null });
        IReadOnlyList<string> losses = LossesByNature.Of(configuration, new WipeRequest { Service = "hs", Method = method }, plan);
        losses.Should().Contain(static loss => loss.Contains("signing keys", StringComparison.Ordinal)).And.Contain(static loss => loss.Contains("register anew slack", StringComparison.Ordinal));
        losses.Any(static loss => loss.Contains("could not be read", StringComparison.Ordinal)).Should().Be(saysSince);
    }
}
