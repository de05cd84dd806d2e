using System.Text;
using BackupTool.Operations.Configuration;
using BackupTool.Posix;
using BackupTool.Services.Profiles;
using BackupTool.Tests.TestSupport;

namespace BackupTool.Tests.Operations.Configuration;

/// <summary>How PostgreSQL is reached, and where its password comes from.</summary>
public sealed class PostgresSettingsTests : IDisposable
{
    private readonly TemporaryDirectory _there = new();

    public void Dispose() => _there.Dispose();

    [Fact]
    public void Reads_how_PostgreSQL_is_reached_and_tells_the_profile()
    {
        BackupConfiguration configuration = Parse($$"""
            host = "127.0.0.1", port = 5433, role = "slack", system-user = "pg", password-file = "{{Password("s3cret \"ü\"\n")}}"
            """, kind: "postgres", more: "databases = [\"a\", \"b\", \"a\"]\n");
        configuration.Warnings.Should().BeEmpty();
        ServiceFacts facts = configuration.Services.Single().ToFacts();
        facts.Databases.Should().Equal("a", "b");
        (facts.Postgres!.Host, facts.Postgres.Port, facts.Postgres.Role, facts.Postgres.SystemUser).Should().Be(("127.0.0.1", 5433, "slack", "pg"));
        facts.Postgres.Password!.Reveal().Should().Be("s3cret \"ü\"");
        facts.Postgres.ToString().Should().NotContain("s3cret");
        configuration.ToString().Should().NotContain("s3cret");
    }

    [Fact]
    public void Leaves_what_is_not_said_to_the_service()
    {
        ServiceFacts facts = Parse("host = \"/run/postgresql\"").Services.Single().ToFacts();
        (facts.Postgres!.Host, facts.Postgres.Port, facts.Postgres.Role, facts.Postgres.SystemUser, facts.Postgres.Password).Should().Be(("/run/postgresql", null, null, null, null));
    }

    [Theory]
    [InlineData("mautrix")]
    [InlineData("maubot")]
    public void Is_for_services_that_may_keep_their_state_in_PostgreSQL(string kind) => Parse("port = 1", kind).Services.Single().Postgres!.Port.Should().Be(1);

    [Theory]
    [InlineData("640", "mode 640")]
    [InlineData("604", "mode 604")]
    [InlineData("601", "mode 601")]
    public void Warns_of_a_password_that_others_can_read(string mode, string shown)
    {
        string file = Password("secret\n");
        File.SetUnixFileMode(file, (UnixFileMode)Convert.ToInt32(mode, 8));
        ConfigurationProblem warning = Parse($"password-file = \"{file}\"").Warnings.Should().ContainSingle().Subject;
        warning.Message.Should().Contain(file).And.Contain(shown).And.NotContain("secret");
        warning.Hint.Should().Contain("chmod 600");
        (warning.Line, warning.Column).Should().Be((5, 30));
    }

    [Theory]
    [InlineData("", "is empty")]
    [InlineData("\n", "is empty")]
    [InlineData("secret\nsecond\n", "is not one line of text")]
    [InlineData("sec\0ret", "is not one line of text")]
    public void Refuses_a_password_file_that_holds_no_password(string content, string message)
    {
        ConfigurationProblem problem = Refuse($"password-file = \"{Password(content)}\"");
        problem.Message.Should().Contain(message).And.NotContain("secret");
        problem.Hint.Should().Contain(".pgpass");
    }

    [Fact]
    public void Refuses_a_password_file_that_cannot_be_read() => Refuse($"password-file = \"{_there.Text}\"").Message.Should().Contain("cannot be read");

    [Fact]
    public void Reads_a_credential_that_systemd_provides()
    {
        Password("secret");
        Parse("password-credential = \"password\"", credentials: _there.Text).Services.Single().Postgres!.Password!.Reveal().Should().Be("secret");
        // Not an error: the other services are backed up without it.
        BackupConfiguration without = Parse("password-credential = \"other\"", credentials: _there.Text);
        without.Services.Single().Postgres!.Password.Should().BeNull();
        ConfigurationProblem missing = without.Warnings.Should().ContainSingle().Subject;
        missing.Message.Should().Contain(_there.Below("other")).And.Contain("does not exist");
        missing.Hint.Should().Contain("LoadCredential=other:");
    }

    [Fact]
    public void Goes_on_without_the_credential_where_systemd_does_not_provide_any()
    {
        BackupConfiguration configuration = Parse("password-credential = \"password\"");
        configuration.Services.Single().Postgres!.Password.Should().BeNull();
        configuration.Warnings.Should().ContainSingle().Which.Message.Should().Contain("$CREDENTIALS_DIRECTORY is not set");
    }

    [Fact]
    public void Refuses_two_places_of_one_password() =>
        Refuse($"password-file = \"{Password("x")}\", password-credential = \"password\"", credentials: _there.Text).Message.Should().Contain("both `password-file` and `password-credential`");

    private string Password(string content)
    {
        string file = _there.Below("password");
        File.WriteAllText(file, content);
        File.SetUnixFileMode(file, UnixFileMode.UserRead | UnixFileMode.UserWrite);
        return file;
    }

    private static BackupConfiguration Parse(string postgres, string kind = "postgres", string more = "", string? credentials = null) =>
        ConfigurationReader.Parse(BytePath.From("/b.toml"), Encoding.UTF8.GetBytes($"[repository]\npath = \"/r\"\n[service.x]\nkind = \"{kind}\"\npostgres = {{ {postgres} }}\n{more}"), null, credentials);

    private static ConfigurationProblem Refuse(string postgres, string? credentials = null)
    {
        Action parse = () => Parse(postgres, credentials: credentials);
        return parse.Should().Throw<ConfigurationException>().Which.Problems.Should().ContainSingle().Subject;
    }
}
