using BackupTool.Posix;
using BackupTool.Services.Health;
using BackupTool.Services.Profiles;
using BackupTool.Services.Sources.RocksDb;
using RocksDbSharp;

namespace BackupTool.Tests.Services.Profiles;

public sealed class ContinuwuityProfileTests : IDisposable
{
    private const string Secret = "hunter2-very-secret";
    private readonly ProfileTree _tree = new();

    [Theory]
    [InlineData("[global]\n")]
    [InlineData("")]
    public void Reads_the_database_path_from_the_servers_own_configuration(string heading)
    {
        BytePath database = MakeDatabase("lib/db"), config = Configure("etc/my.toml", database, heading);
        ServiceLayout layout = _tree.Describe("continuwuity", config);

        layout.Roots.Should().Equal(database, config);
        layout.RocksDbDirectories.Should().Equal(database);
        layout.Facts.Should().Contain("server-name", "example.org").And.Contain("database-path", database.ToString());
        layout.Facts.Values.Should().NotContain(value => value.Contains(Secret));
        _tree.Notes.Should().BeEmpty();
    }

    [Fact]
    public void Knows_a_database_that_the_real_engine_has_made()
    {
        BytePath database = _tree.MakeDirectory("real");
        using (RocksDb engine = RocksDb.Open(new DbOptions().SetCreateIfMissing(), database.ToString())) engine.Put("key", "value");
        _tree.MakeDirectory("real/media");
        ServiceLayout layout = _tree.Describe("tuwunel", null, database);

        layout.RocksDbDirectories.Should().Equal(database);
        Directory.GetFiles(database.ToString()).Where(file => layout.Exclusions.Any(e => e.Covers(BytePath.From(file), false)))
            .Select(Path.GetFileName).Should().BeEquivalentTo("LOCK", "LOG");
        Directory.GetFiles(database.ToString(), "*.log").Should().NotBeEmpty("the write-ahead log is there, and must stay");
    }

    [Fact]
    public void Finds_a_configuration_beside_the_data()
    {
        BytePath database = MakeDatabase("lib/db"), config = Configure("lib/conduwuit.toml", database);
        _tree.Describe("conduwuit", null, _tree.At("lib")).Facts["config"].Should().Be(config.ToString());
    }

    [Fact]
    public void Takes_the_data_for_the_database_when_there_is_no_configuration_and_says_so()
    {
        BytePath database = MakeDatabase("lib/db");
        _tree.Describe("continuwuity", null, database).Roots.Should().Equal(database);
        _tree.Notes.Should().ContainSingle().Which.Should().Contain("No configuration file was found");
    }

    [Fact]
    public void Believes_the_configuration_against_the_data_and_says_so()
    {
        BytePath database = MakeDatabase("lib/db"), config = Configure("etc/my.toml", database), other = MakeDatabase("lib/other");
        _tree.Describe("continuwuity", config, other).Roots.Should().Equal(database, config);
        _tree.Notes.Should().ContainSingle().Which.Should().Contain(other.ToString()).And.Contain(database.ToString());
    }

    [Fact]
    public void Sees_that_the_link_to_the_private_directory_is_no_disagreement()
    {
        BytePath database = MakeDatabase("lib/private/db"), link = _tree.Link("lib/db", "private/db");
        BytePath config = Configure("etc/my.toml", link);
        _tree.Describe("continuwuity", config, database).RocksDbDirectories.Should().Equal(link);
        _tree.Notes.Should().BeEmpty();
    }

    [Fact]
    public void Refuses_to_guess_between_the_data_and_another_database_of_a_configuration_that_was_found()
    {
        BytePath data = MakeDatabase("lib/db"), other = MakeDatabase("old/db");
        Configure("lib/db/old.toml", other);
        _tree.Refuse("continuwuity", null, data).Message.Should().Contain(data.ToString()).And.Contain(other.ToString());
    }

    [Theory]
    [InlineData("empty")]
    [InlineData("missing")]
    public void Refuses_a_directory_that_holds_no_database_because_a_server_would_start_afresh_from_it(string path)
    {
        _tree.MakeDirectory("empty");
        BytePath config = Configure("etc/my.toml", _tree.At(path));
        _tree.Refuse("continuwuity", config).Message.Should().Contain("CURRENT").And.Contain(path);
    }

    [Fact]
    public void Leaves_out_the_servers_own_backups_but_not_the_directory_that_they_are_in()
    {
        BytePath database = MakeDatabase("lib/db"), backups = _tree.MakeDirectory("lib/db/backups");
        BytePath config = Configure("etc/my.toml", database, $"[global]\ndatabase_backup_path = \"{backups}\"\n");
        ServiceLayout layout = _tree.Describe("continuwuity", config);

        Exclusion exclusion = layout.Exclusions.Single(e => e.Directory == backups);
        exclusion.Covers(backups.Combine("meta/1"), false).Should().BeTrue();
        exclusion.Covers(backups, true).Should().BeFalse();
        exclusion.Covers(database.Combine("CURRENT"), false).Should().BeFalse();
        exclusion.Reason.Should().NotBeEmpty();
    }

    [Theory]
    [InlineData("lib/db")]
    [InlineData("lib")]
    public void Never_leaves_out_the_database_itself_whatever_the_backup_path_says(string backups)
    {
        BytePath database = MakeDatabase("lib/db");
        BytePath config = Configure("etc/my.toml", database, $"[global]\ndatabase_backup_path = \"{_tree.At(backups)}\"\n");
        _tree.Describe("continuwuity", config).Exclusions.Should().NotContain(e => e.Covers(database.Combine("CURRENT"), false) || e.Covers(database.Combine("media/a"), false));
        _tree.Notes.Should().ContainSingle().Which.Should().Contain("database_backup_path");
    }

    [Fact]
    public void Keeps_the_write_ahead_log_and_leaves_out_only_logs_of_events()
    {
        BytePath database = MakeDatabase("lib/db");
        IReadOnlyList<Exclusion> exclusions = _tree.Describe("continuwuity", Configure("etc/my.toml", database)).Exclusions;
        string[] names = ["LOCK", "LOG", "LOG.old.1700000000000000", "000012.log", "CURRENT", "IDENTITY", "media/LOCK", "media/LOG", "LOGIN"];
        names.Where(name => exclusions.Any(e => e.Covers(database.Combine(name), false))).Should().Equal("LOCK", "LOG", "LOG.old.1700000000000000");
    }

    [Fact]
    public void Takes_along_media_that_conduit_keeps_elsewhere_and_names_those_in_an_object_store()
    {
        BytePath database = MakeDatabase("lib/db"), media = _tree.MakeDirectory("srv/media");
        BytePath config = Configure("etc/my.toml", database, "[global]\n", $"[global.media]\nbackend = \"s3\"\npath = \"{media}\"\n");
        _tree.Describe("conduit", config).Roots.Should().Contain(media);
        _tree.Notes.Should().ContainSingle().Which.Should().Contain("object store");
    }

    [Theory]
    [InlineData($"[global]\ndatabase_path = \"/x\"\nregistration_token = \"{Secret}\"\nregistration_token = \"{Secret}\"\n", "line 4")]
    [InlineData($"[global]\nregistration_token = {Secret}\n", "line 2")]
    [InlineData($"[global]\ndatabase_path = 7\ntoken = \"{Secret}\"\n", "line 2")]
    [InlineData($"[global]\ndatabase_path = \"relative\"\ntoken = \"{Secret}\"\n", "line 2")]
    [InlineData($"[global]\ndatabase_backend = \"sqlite\"\ntoken = \"{Secret}\"\n", "database_backend")]
    [InlineData($"[global]\ntoken = \"{Secret}\"\n", "database_path")]
    public void Refuses_a_configuration_that_it_cannot_use_and_repeats_nothing_of_it(string toml, string named)
    {
        ServiceLayoutException refused = _tree.Refuse("continuwuity", _tree.Write("etc/my.toml", toml));
        refused.Message.Should().Contain(named);
        refused.ToString().Should().NotContain(Secret);
    }

    [Theory]
    [InlineData("", "http://127.0.0.1:8008/_matrix/client/versions")]
    [InlineData("port = 6167", "http://127.0.0.1:6167/_matrix/client/versions")]
    [InlineData("address = \"0.0.0.0\"\nport = [6167, 8448]", "http://127.0.0.1:6167/_matrix/client/versions")]
    [InlineData("address = [\"::1\", \"127.0.0.1\"]\nport = 0x1F48", "http://127.0.0.1:8008/_matrix/client/versions")]
    [InlineData("address = [\"::\"]", "http://[::1]:8008/_matrix/client/versions")]
    [InlineData("address = \"192.0.2.7\"", "http://192.0.2.7:8008/_matrix/client/versions")]
    [InlineData("unix_socket_path = \"/run/x.sock\"\naddress = \"127.0.0.1\"", "http://127.0.0.1:8008/_matrix/client/versions")]
    public void Asks_where_its_configuration_has_it_listen(string listen, string url)
    {
        BytePath database = MakeDatabase("lib/db");
        var probe = _tree.Describe("continuwuity", Configure("etc/my.toml", database, "[global]\n" + listen + "\n")).Health.Should().BeOfType<HttpProbe>().Subject;
        probe.Url.ToString().Should().Be(url);
        probe.ExpectedCodes.Should().Equal(200);
        _tree.Notes.Should().BeEmpty();
    }

    [Theory]
    [InlineData("unix_socket_path = \"/run/x.sock\"", "Unix socket")]
    [InlineData("port = 70000", "cannot be asked")]
    [InlineData("address = \"in valid\"", "cannot be asked")]
    public void Asks_nobody_where_it_cannot_and_says_so(string listen, string note)
    {
        BytePath database = MakeDatabase("lib/db");
        _tree.Describe("continuwuity", Configure("etc/my.toml", database, "[global]\n" + listen + "\n")).Health.Should().BeNull();
        _tree.Notes.Should().ContainSingle().Which.Should().Contain(note);
    }

    [Theory]
    [InlineData("certs = \"/c\"", true)]
    [InlineData("certs = \"/c\"\ndual_protocol = true", false)]
    public void Only_connects_where_it_would_need_a_certificate(string tls, bool connects)
    {
        BytePath database = MakeDatabase("lib/db");
        HealthProbe? probe = _tree.Describe("continuwuity", Configure("etc/my.toml", database, "[global]\n", $"[global.tls]\n{tls}\n")).Health;
        if (connects) probe.Should().Be(new TcpProbe("127.0.0.1", 8008));
        else probe.Should().BeOfType<HttpProbe>();
    }

    [Theory]
    [InlineData("admin_signal_execute = [\"server backup-database\"]", true)]
    [InlineData("admin_signal_execute = [\"admin  server backup_database\"]", true)]
    [InlineData("admin_signal_execute = [\"server list-backups\", \"!admin server backup-database\"]", true)]
    [InlineData("admin_signal_execute = [\"server backup-database now\"]", false)]
    [InlineData("admin_signal_execute = []", false)]
    [InlineData("admin_execute = [\"server backup-database\"]", false)]
    [InlineData("admin_signal_execute = [\"server backup-database\"]\ndatabase_backups_to_keep = 0", false)]
    public void Knows_whether_the_server_backs_itself_up_on_a_signal(string keys, bool isOnline)
    {
        BytePath database = MakeDatabase("lib/db"), backups = _tree.At("backups");
        BytePath config = Configure("etc/my.toml", database, $"[global]\ndatabase_backup_path = \"{backups}\"\n{keys}\n");
        _tree.Describe("continuwuity", config).OnlineBackup.Should().Be(isOnline ? new RocksDbOnlineBackup(backups) : null);
        _tree.Notes.Should().HaveCount(keys.Contains("list-backups") ? 1 : 0);
    }

    [Fact]
    public void Has_no_online_mode_without_a_place_for_the_backups()
    {
        BytePath database = MakeDatabase("lib/db");
        _tree.Describe("continuwuity", Configure("etc/my.toml", database, "[global]\nadmin_signal_execute = [\"server backup-database\"]\n")).OnlineBackup.Should().BeNull();
    }

    private BytePath MakeDatabase(string path)
    {
        _tree.Write($"{path}/CURRENT", "MANIFEST-000004\n");
        _tree.MakeDirectory($"{path}/media");
        return _tree.At(path);
    }

    private BytePath Configure(string path, BytePath database, string heading = "[global]\n", string more = "") => _tree.Write(path,
        $"{heading}server_name = \"example.org\"\nregistration_token = \"{Secret}\"\ndatabase_path = \"{database}\"\n{more}");

    public void Dispose() => _tree.Dispose();
}
