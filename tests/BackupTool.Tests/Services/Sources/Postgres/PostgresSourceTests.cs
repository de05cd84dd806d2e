using System.Net;
using System.Net.Sockets;
using BackupTool.Posix;
using BackupTool.Services.Sources;
using BackupTool.Services.Sources.Postgres;
using BackupTool.Tests.TestSupport;

namespace BackupTool.Tests.Services.Sources.Postgres;

[Collection("pg_dump")]   // some count the programs that this process runs
public sealed class PostgresSourceTests(PostgresServer server) : IClassFixture<PostgresServer>
{
    [Fact]
    public async Task Root_comes_in_as_postgres_by_peer_authentication()
    {
        await using PostgresSource source = await PostgresSource.OpenAsync(server.Peer("postgres"), PostgresServer.Options, Test.Token);
        source.ServerVersion.Should().NotBeEmpty();
        source.CanReadRolePasswords.Should().BeTrue();
        File.ReadLines("/proc/self/status").Should().Contain(line => line.StartsWith("Uid:", StringComparison.Ordinal) && line.Contains($"\t{SystemUser.Current.Uid}\t"));
    }

    [Fact]
    public async Task A_role_comes_in_with_its_password_and_the_programs_too()
    {
        string database = server.NewDatabase(5), role = server.NewRole();
        server.Real.Sql(database, $"GRANT SELECT ON events TO {role}");

        byte[] dump = await PostgresServer.DumpAsync(server.Tcp(database, role));

        server.Real.Sql(server.Restore(dump), "SELECT count(*) FROM events").Should().Be("5");
        // Through the socket as well: by password, as a system user that PostgreSQL does not know.
        (await PostgresServer.DumpAsync(server.Tcp(database, role) with { Host = server.Real.SocketDirectory, SystemUser = "nobody" })).Should().NotBeEmpty();
    }

    [Fact]
    public Task A_wrong_password_says_so_and_does_not_show_it() =>
        FailsAsync(server.Tcp("postgres", server.NewRole(), "wr0ng-secret"), "*does not let role role* in: password authentication failed*", "Correct the role's password*");

    [Fact]
    public Task A_missing_password_says_so() =>
        FailsAsync(server.Tcp("postgres", server.NewRole()) with { Password = null }, "*asks for a password, and none is configured", "Configure the role's password*");

    [Fact]
    public Task A_missing_database_says_so() =>
        FailsAsync(server.Peer("nowhere"), "nowhere * is missing: database \"nowhere\" does not exist", "Correct the database's name*");

    [Fact]
    public Task A_role_that_this_system_user_is_not_says_so() =>
        FailsAsync(server.Peer("postgres") with { SystemUser = "nobody" }, "*does not let role postgres in: Peer authentication failed*", "*pg_hba.conf*nobody*");

    [Fact]
    public Task A_system_user_that_this_host_does_not_have_says_so() =>
        FailsAsync(server.Peer("postgres") with { SystemUser = "no-such-user" }, "*no system user no-such-user*", "Correct the system user*");

    [Theory]
    [InlineData("127.0.0.1")]
    [InlineData("/nowhere/at/all")]
    public async Task A_server_that_does_not_listen_says_so(string host)
    {
        int port = FreePort();
        await FailsAsync(server.Peer("postgres") with { Host = host, Port = port }, $"postgres (*{host}, port {port}) cannot be reached: *", "Start PostgreSQL*");
    }

    [Fact]
    public Task A_host_that_nobody_knows_says_so() =>
        FailsAsync(server.Peer("postgres") with { Host = "no-such-host.invalid" }, "*cannot be reached: *", "*host*configuration*");

    [Fact]
    public Task No_socket_in_the_usual_places_says_so() =>
        FailsAsync(new PostgresTarget { Database = "postgres", Port = FreePort() }, "*cannot be reached: there is no .s.PGSQL.* in /run/postgresql or *", "Start PostgreSQL, or name the directory*");

    [Fact]
    public async Task A_table_that_the_role_may_not_read_shows_before_anything_is_stopped()
    {
        string database = server.NewDatabase(1);
        await FailsAsync(server.Tcp(database, server.NewRole()), "pg_dump of * ended with 1: *permission denied for table events*", "Grant the role*");
    }

    [Fact]
    public async Task Too_old_a_pg_dump_says_which_and_what_to_install()
    {
        string directory = NewDirectory();
        foreach (string program in (string[])["pg_dump", "pg_dumpall"]) DumpFailureTests.WriteProgram(Path.Combine(directory, program), $"echo '{program} (PostgreSQL) 9.6.24'");

        await FailsAsync(server.Peer("postgres"), $"pg_dump is too old for PostgreSQL *: {directory}/pg_dump is of version 9", "Install PostgreSQL's client programs of version*", [directory]);

        // A suitable one behind it is found.
        PostgresOptions both = PostgresServer.Options with { ProgramDirectories = [directory, RealPostgres.Programs] };
        await using PostgresSource source = await PostgresSource.OpenAsync(server.Peer("postgres"), both, Test.Token);
        source.DumpProgram.Should().Be(Path.Combine(RealPostgres.Programs, "pg_dump"));
    }

    [Fact]
    public async Task No_pg_dump_says_where_it_was_looked_for()
    {
        string directory = NewDirectory();
        await FailsAsync(server.Peer("postgres"), $"pg_dump is not on this host (looked in {directory})", "Install PostgreSQL's client programs*", [directory]);
    }

    [Fact]
    public async Task The_usual_places_hold_one_that_is_not_Debians_guessing_wrapper()
    {
        await using PostgresSource source = await PostgresSource.OpenAsync(server.Peer("postgres"), new PostgresOptions(), Test.Token);
        source.DumpProgram.Should().NotEndWith("pg_wrapper").And.NotBe("/usr/bin/pg_dump");
    }

    [Fact]
    public async Task Databases_are_listed_without_templates_and_closed_ones()
    {
        string open = server.NewDatabase(1), closed = server.NewDatabase(1), template = server.NewDatabase(1);
        server.Real.Sql("postgres", $"ALTER DATABASE {closed} ALLOW_CONNECTIONS false; ALTER DATABASE {template} IS_TEMPLATE true");

        IReadOnlyList<string> databases = await PostgresSource.ListDatabasesAsync(server.Peer("postgres"), PostgresServer.Options, Test.Token);

        databases.Should().Contain([open, "postgres"]).And.NotContain([closed, template, "template0", "template1"]).And.BeInAscendingOrder(StringComparer.Ordinal);
    }

    [Fact]
    public async Task The_password_is_in_no_command_line_and_no_environment()
    {
        string database = server.NewDatabase(3_000, 2_000), role = server.NewRole();
        server.Real.Sql(database, $"GRANT SELECT ON events TO {role}");
        var seen = new List<string>();
        int children = 0;
        using var stop = new CancellationTokenSource();
        Task watching = Task.Run(() =>
        {
            while (!stop.IsCancellationRequested)
                foreach (int pid in (int[])[.. PostgresServer.ChildrenOf(Environment.ProcessId, "pg_dump"), .. PostgresServer.ChildrenOf(Environment.ProcessId, "setpriv")])
                {
                    children++;
                    seen.AddRange(new[] { "cmdline", "environ" }.Select(file => TryRead($"/proc/{pid}/{file}")).Where(text => text.Contains("s3cret", StringComparison.Ordinal)));
                }
        }, Test.Token);

        for (int i = 0; i < 5; i++) await PostgresServer.DumpAsync(server.Tcp(database, role));

        await stop.CancelAsync();
        await watching;
        children.Should().BeGreaterThan(5, "the watcher must have seen some");
        seen.Should().BeEmpty();
    }

    [Fact]
    public void A_target_does_not_print_its_password() => $"{server.Tcp("db", "role")} {server.Tcp("db", "role").Password}".Should().NotContain("s3cret");

    private static async Task FailsAsync(PostgresTarget target, string message, string hint, string[]? programs = null)
    {
        PostgresOptions options = programs is null ? PostgresServer.Options : PostgresServer.Options with { ProgramDirectories = programs };
        Func<Task> open = async () => await (await PostgresSource.OpenAsync(target, options, Test.Token)).DisposeAsync();

        SourceException failure = (await open.Should().ThrowAsync<SourceException>()).WithMessage(message).Which;
        failure.Hint.Should().Match(hint);
        failure.ToString().Should().NotContain("s3cret").And.NotContain("wr0ng-secret");
    }

    private string NewDirectory() => Directory.CreateDirectory(Path.Combine(server.Real.SocketDirectory, $"bin{Guid.NewGuid():N}"), (UnixFileMode)0x1ed).FullName;

    private static int FreePort()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        return ((IPEndPoint)listener.LocalEndpoint).Port;
    }

    private static string TryRead(string path)
    {
        try
        {
            return File.ReadAllText(path);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return "";   // it has ended
        }
    }
}
