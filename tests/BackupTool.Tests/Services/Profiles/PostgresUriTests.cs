using BackupTool.Posix;
using BackupTool.Services.Profiles;
using BackupTool.Services.Sources.Postgres;
using CsCheck;

namespace BackupTool.Tests.Services.Profiles;

public sealed class PostgresUriTests
{
    private const string Secret = "hunter2-very-secret";
    private static readonly BytePath File = BytePath.From("/etc/it.yaml");

    [Theory]
    [InlineData("postgres://it:pw@db.example.org:5433/bridge?sslmode=disable", "bridge", "db.example.org", 5433, "it", "pw")]
    [InlineData("postgresql+asyncpg://it:pw@127.0.0.1/bridge", "bridge", "127.0.0.1", 5432, "it", "pw")]
    [InlineData("postgresql://it:pw@localhost/bridge", "bridge", "127.0.0.1", 5432, "it", "pw")]
    [InlineData("postgresql://it:p%40%2F%3F%25w@[2001:db8::1]:5433/br%20idge", "br idge", "2001:db8::1", 5433, "it", "p@/?%w")]
    [InlineData("postgres://it:pa/ss@host/bridge", "bridge", "host", 5432, "it", "pa/ss")]
    [InlineData("postgres://it:pa@ss@host/bridge", "bridge", "host", 5432, "it", "pa@ss")]
    [InlineData("postgres://it:pw@host", "it", "host", 5432, "it", "pw")]
    [InlineData("postgresql:///bridge?host=/run/postgresql", "bridge", "/run/postgresql", 5432, "postgres", null)]
    [InlineData("postgresql:///bridge?host=/run/postgresql&port=5433&user=it", "bridge", "/run/postgresql", 5433, "postgres", null)]
    [InlineData("postgresql://%2Frun%2Fpostgresql/bridge", "bridge", "/run/postgresql", 5432, "postgres", null)]
    [InlineData("postgresql://it@/bridge?host=/run/postgresql", "bridge", "/run/postgresql", 5432, "postgres", null)]
    [InlineData("postgresql:///bridge", "bridge", null, 5432, "postgres", null)]
    [InlineData("postgresql:///?dbname=bridge&user=it&password=pw&hostaddr=127.0.0.1&host=name", "bridge", "127.0.0.1", 5432, "it", "pw")]
    [InlineData("postgresql://it@127.0.0.1/bridge", "bridge", "127.0.0.1", 5432, "it", null)]
    [InlineData("host=/run/postgresql dbname=bridge user=it", "bridge", "/run/postgresql", 5432, "postgres", null)]
    [InlineData("host = 127.0.0.1  port= 5433 dbname =bridge user=it password='it''s'", null, null, 0, null, null)]
    [InlineData("host = 127.0.0.1  port= 5433 dbname =bridge user=it password='it\\'s a \\\\pw'", "bridge", "127.0.0.1", 5433, "it", "it's a \\pw")]
    [InlineData("user=it password=pw", "it", null, 5432, "it", "pw")]
    [InlineData("dbname=bridge password='postgres://x' user=it", "bridge", null, 5432, "it", "postgres://x")]
    public void Reads_what_libpq_reads(string text, string? database, string? host, int port, string? role, string? password)
    {
        if (database is null)
        {
            Refuse(text);
            return;
        }
        PostgresTarget target = Parse(text);
        (target.Database, target.Host, target.Port, target.Role, target.Password?.Reveal(), target.SystemUser).Should().Be((database, host, port, role, password, "postgres"));
        PostgresUri.IsPostgres(text).Should().BeTrue();
        target.ToString().Should().NotContain("pw");
    }

    [Theory]
    [InlineData("")]
    [InlineData("mysql://it:" + Secret + "@host/bridge")]
    [InlineData("postgres:")]
    [InlineData("postgres://")]
    [InlineData("postgres://it:" + Secret + "@host:port/bridge")]
    [InlineData("postgres://it:" + Secret + "@host:0/bridge")]
    [InlineData("postgres://it:" + Secret + "@host:65536/bridge")]
    [InlineData("postgres://it:" + Secret + "@[::1/bridge")]
    [InlineData("postgres://it:" + Secret + "@one:5432,two:5432/bridge")]
    [InlineData("postgres://:" + Secret + "@host/bridge")]
    [InlineData("postgres://it:" + Secret + "@@abstract/bridge?host=@abstract")]
    [InlineData("host=one,two dbname=bridge password=" + Secret)]
    [InlineData("dbname=bridge password='" + Secret)]
    [InlineData("dbname=bridge password=" + Secret + "\\")]
    [InlineData("dbname=bridge " + Secret)]
    [InlineData("host=127.0.0.1")]
    public void Refuses_the_rest_with_a_way_out_and_without_the_password(string text)
    {
        ServiceLayoutException refused = Refuse(text);
        refused.Hint.Should().NotBeNullOrEmpty();
        refused.ToString().Should().NotContain(Secret).And.Contain("`database`");
    }

    [Fact]
    public void Believes_the_operator_in_each_part_that_he_sets()
    {
        const string uri = "postgres://it:pw@one,two:1/bridge";
        PostgresTarget target = Parse(uri, new PostgresAccess("/run/postgresql", 5433, "backup", "dumper", null));
        (target.Host, target.Port, target.Role, target.SystemUser, target.Password).Should().Be(("/run/postgresql", 5433, "backup", "dumper", null), "the password is another role's");

        target = Parse("postgres://it:pw@127.0.0.1/bridge", new PostgresAccess(null, null, "it", null, null));
        (target.Role, target.Password!.Reveal()).Should().Be(("it", "pw"));
        target = Parse("postgres:///bridge", new PostgresAccess("db", null, "backup", null, new PostgresPassword("own")));
        (target.Host, target.Role, target.Password!.Reveal(), target.Database).Should().Be(("db", "backup", "own", "bridge"));
        Parse("postgres:///bridge", new PostgresAccess(null, null, null, "dumper", null)).Role.Should().Be("dumper");
    }

    [Fact]
    public void Throws_nothing_else_whatever_it_reads_and_never_repeats_it()
    {
        string[] pieces =
        [
            "postgres://", "postgresql:", "host=", "dbname=", "password=", "port=", "user=", " ", "'", "\\", "/", "@", ":", "?", "&", "=", "#", ",", "%", "%2F", "%zz", "[", "]",
            "::1", "127.0.0.1", "5432", "/run", "\0", "\n", "é", "\ud800", "it", "bridge",
        ];
        Gen<string> piece = Gen.Int[0, pieces.Length - 1].Select(i => pieces[i]);
        Gen.Select(piece.Array[0, 8], piece.Array[0, 8]).Sample((before, after) =>
        {
            string text = string.Concat(before) + Secret + string.Concat(after);
            PostgresUri.IsPostgres(text);
            try
            {
                // Where the text is no password but a host or a name, it may be shown: those are no secrets.
                Parse(text);
            }
            catch (ServiceLayoutException e)
            {
                e.ToString().Should().NotContain(Secret);
                e.Hint.Should().NotContain(Secret);
            }
        }, iter: 50_000);
    }

    private static PostgresTarget Parse(string text, PostgresAccess? access = null) => PostgresUri.Parse(text, "database", File, "it", access);

    private static ServiceLayoutException Refuse(string text)
    {
        Action parse = () => Parse(text);
        return parse.Should().Throw<ServiceLayoutException>().Which;
    }
}
