using BackupTool.Posix;
using BackupTool.Services.Profiles;
using BackupTool.Services.Sources.Postgres;

namespace BackupTool.Tests.Services.Profiles;

public sealed class PostgresProfileTests : IDisposable
{
    private readonly ProfileTree _tree = new();

    [Fact]
    public void Leaves_it_to_who_connects_to_list_the_databases_when_none_is_named()
    {
        var access = new PostgresAccess("/run/postgresql", 5433, null, null, null);
        ServiceLayout layout = _tree.Describe(Facts() with { Postgres = access });
        layout.AllDatabasesOf.Should().Be(access);
        layout.PostgresDatabases.Should().BeEmpty();
        layout.Roots.Should().BeEmpty();
        layout.Health.Should().BeNull();
        _tree.Describe(Facts()).AllDatabasesOf.Should().Be(new PostgresAccess(null, null, null, null, null));
    }

    [Fact]
    public void Names_the_databases_that_the_operator_names_once_each()
    {
        ServiceLayout layout = _tree.Describe(Facts() with { Databases = ["synapse", "slack", "synapse"], Postgres = new PostgresAccess("127.0.0.1", null, "backup", null, new PostgresPassword("pw")) });
        layout.AllDatabasesOf.Should().BeNull();
        layout.PostgresDatabases.Select(target => (target.Database, target.Host, target.Port, target.Role, target.Password!.Reveal()))
            .Should().Equal(("synapse", "127.0.0.1", 5432, "backup", "pw"), ("slack", "127.0.0.1", 5432, "backup", "pw"));
        string.Join(' ', layout.Facts.Values).Should().NotContain("pw");
    }

    [Fact]
    public void Copies_no_files_of_a_running_server_and_says_so()
    {
        BytePath data = _tree.MakeDirectory("main"), config = _tree.Write("postgresql.conf", "port = 5433\n");
        _tree.Describe(Facts() with { DataPaths = [data], ConfigFile = config }).Roots.Should().Equal(config);
        _tree.Notes.Should().ContainSingle().Which.Should().Contain("no backup");
    }

    [Theory]
    [InlineData("template0")]
    [InlineData(" ")]
    public void Refuses_a_database_that_cannot_be_dumped(string name)
    {
        Action describe = () => _tree.Describe(Facts() with { Databases = ["synapse", name] });
        describe.Should().Throw<ServiceLayoutException>().Which.Message.Should().Contain("databases");
    }

    private static ServiceFacts Facts() => new() { Name = "pg", Kind = "postgres" };

    public void Dispose() => _tree.Dispose();
}
