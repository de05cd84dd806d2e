using BackupTool.Posix;
using BackupTool.Services.Maubot;
using BackupTool.Services.Sources;
using BackupTool.Services.Sources.Sqlite;
using BackupTool.Tests.TestSupport;
using Microsoft.Data.Sqlite;

namespace BackupTool.Tests.Services.Maubot;

public sealed class MaubotDatabaseTests : IDisposable
{
    private readonly TemporaryDirectory _directory = new();

    private BytePath File => BytePath.From(_directory.Below("bot.db"));

    [Fact]
    public void Reads_clients_and_instances_and_who_has_keys()
    {
        using (var store = new FakeMaubotStore(_directory.Below("bot.db")))
        {
            store.Execute("INSERT INTO client VALUES ('@a:x', 'http://hs', 'tok', 'DEV', 0, 's123', '4', 1, 0, 1, 'Name', 'mxc://x/y')");
            store.Execute("INSERT INTO instance VALUES ('echo', 'xyz.echo', 1, '@a:x', 'k: v', 'sqlite')");
            store.Execute("INSERT INTO crypto_account VALUES ('@a:x', 'DEV', 1, '', x'00')");
        }

        MaubotDatabase read = MaubotDatabase.Read(File, TimeProvider.System);

        read.Clients.Should().Equal(new MaubotClientSettings
        {
            Id = "@a:x",
            Homeserver = "http://hs",
            AccessToken = new SecretText("tok"),
            DeviceId = "DEV",
            Enabled = false,
            Sync = true,
            Autojoin = false,
            Online = true,
            Displayname = "Name",
            AvatarUrl = "mxc://x/y",
        });
        read.Instances.Should().Equal(new MaubotInstanceSettings { Id = "echo", Type = "xyz.echo", Enabled = true, PrimaryUser = "@a:x", Config = new SecretText("k: v"), DatabaseEngine = "sqlite" });
        read.ClientsWithKeys.Should().BeEquivalentTo("@a:x");
        Directory.GetFiles(_directory.Text).Should().Equal([_directory.Below("bot.db")], "reading leaves nothing beside it");
    }

    [Fact]
    public void A_schema_without_later_columns_is_read_with_maubots_defaults()
    {
        // Before maubot 0.3: alembic, an instance is a plugin, clients had no device yet.
        Execute("""
            CREATE TABLE client (id VARCHAR(255) PRIMARY KEY, homeserver VARCHAR(255), access_token TEXT, enabled BOOLEAN, next_batch VARCHAR(255), filter_id VARCHAR(255), sync BOOLEAN, autojoin BOOLEAN, displayname VARCHAR(255), avatar_url VARCHAR(255));
            CREATE TABLE plugin (id VARCHAR(255) PRIMARY KEY, type VARCHAR(255), enabled BOOLEAN, primary_user VARCHAR(255), config TEXT);
            INSERT INTO client VALUES ('@a:x', 'http://hs', 'tok', 1, '', '', 1, 0, 'disable', 'disable');
            INSERT INTO plugin VALUES ('echo', 'xyz.echo', 0, '@a:x', '');
            INSERT INTO plugin VALUES (NULL, 'xyz.echo', 0, '@a:x', '');
            """);

        MaubotDatabase read = MaubotDatabase.Read(File, TimeProvider.System);

        read.Clients.Should().ContainSingle().Which.Should().Match<MaubotClientSettings>(client => client.DeviceId == "" && client.Online && !client.Autojoin);
        read.Instances.Should().ContainSingle().Which.Should().Match<MaubotInstanceSettings>(instance => !instance.Enabled && instance.DatabaseEngine == null);
        read.ClientsWithKeys.Should().BeNull("nobody knows");
        read.Problems.Should().ContainSingle().Which.Should().Contain("without an id");
    }

    [Fact]
    public void Another_programs_database_is_refused()
    {
        Execute("CREATE TABLE something (x)");
        FluentActions.Invoking(() => MaubotDatabase.Read(File, TimeProvider.System)).Should().Throw<SourceException>().WithMessage("*no table `client`*");
    }

    [Fact]
    public void What_is_no_database_is_refused()
    {
        System.IO.File.WriteAllBytes(_directory.Below("bot.db"), [.. Enumerable.Repeat((byte)7, 8192)]);
        FluentActions.Invoking(() => MaubotDatabase.Read(File, TimeProvider.System)).Should().Throw<NotADatabaseException>();
    }

    [Fact]
    public void A_database_that_is_not_there_is_not_made()
    {
        FluentActions.Invoking(() => MaubotDatabase.Read(File, TimeProvider.System)).Should().Throw<SourceException>().WithMessage("*does not exist*");
        Directory.GetFiles(_directory.Text).Should().BeEmpty();
    }

    private void Execute(string sql)
    {
        using var connection = new SqliteConnection($"Data Source={_directory.Below("bot.db")};Pooling=False");
        connection.Open();
        using SqliteCommand command = connection.CreateCommand();
        command.CommandText = sql;
        command.ExecuteNonQuery();
    }

    public void Dispose() => _directory.Dispose();
}
