using System.Text;
using BackupTool.Services.Sources;
using BackupTool.Services.Sources.Postgres;
using BackupTool.Tests.TestSupport;

namespace BackupTool.Tests.Services.Sources.Postgres;

[Collection("pg_dump")]   // some count the programs that this process runs
public sealed class ReplacementAccessTests(PostgresServer server) : IClassFixture<PostgresServer>
{
    private readonly string _id = Guid.NewGuid().ToString("N")[..12];

    private static PostgresOptions WithSockets(string directory) => PostgresServer.Options with { SocketDirectories = [directory] };

    [Fact]
    public async Task A_role_that_may_not_create_databases_says_so_and_names_the_ways_out()
    {
        string role = server.NewRole(), database = server.NewDatabase(1);
        Func<Task> open = () => OpenAsync(server.Tcp(database, role), PostgresServer.Options);
        SourceException failure = (await open.Should().ThrowAsync<SourceException>()).Which;
        failure.Message.Should().Contain($"the PostgreSQL database {database} cannot be replaced: role {role} may not create databases; and the system user postgres does not get in");
        failure.Hint.Should().Contain("postgres = { role = \"postgres\", system-user = \"postgres\" }").And.Contain($"ALTER ROLE \"{role}\" CREATEDB");
    }

    [Fact]
    public async Task A_role_that_is_no_member_of_the_owner_says_whose()
    {
        string role = server.NewRole("CREATEDB"), database = server.NewDatabase(1);
        Func<Task> open = () => OpenAsync(server.Tcp(database, role), PostgresServer.Options);
        SourceException failure = (await open.Should().ThrowAsync<SourceException>()).Which;
        failure.Message.Should().Contain($"role {role} is no member of role postgres, which owns it");
        failure.Hint.Should().Contain($"GRANT \"postgres\" TO \"{role}\"");
    }

    [Fact]
    public async Task A_wrong_password_is_the_reason_that_is_given()
    {
        Func<Task> open = () => OpenAsync(server.Tcp(server.NewDatabase(1), server.NewRole(), "wrong"), PostgresServer.Options);
        (await open.Should().ThrowAsync<SourceException>()).WithMessage("*password authentication failed*").Which.Message.Should().NotContain("wrong");
    }

    [Fact]
    public async Task Root_is_postgres_where_the_services_role_is_not_enough()
    {
        string role = server.NewRole(), database = server.NewDatabase(2);
        foreach (PostgresTarget target in (PostgresTarget[])[server.Tcp(database, role), server.Tcp(database, role) with { Host = server.Real.SocketDirectory }, server.Tcp(database, "no_such_role")])
        {
            DatabaseReplacement replacement = await OpenAsync(target, WithSockets(server.Real.SocketDirectory));
            replacement.By.Should().Be("role postgres, as system user postgres");
            (await replacement.InspectAsync(Test.Token)).Live.Should().NotBeNull();
        }
    }

    [Fact]
    public async Task Another_servers_socket_of_the_same_number_is_not_taken_for_it()
    {
        using RealPostgres other = RealPostgres.Start();
        string role = server.NewRole(), database = server.NewDatabase(1);
        DirectoryInfo directory = Directory.CreateTempSubdirectory("other-sockets-");
        try
        {
            directory.UnixFileMode |= UnixFileMode.OtherExecute | UnixFileMode.OtherRead;
            File.CreateSymbolicLink(Path.Combine(directory.FullName, $".s.PGSQL.{server.Real.Port}"), Path.Combine(other.SocketDirectory, $".s.PGSQL.{other.Port}"));
            foreach (PostgresTarget target in (PostgresTarget[])[server.Tcp(database, role), server.Tcp(database, role, "wrong")])
                await FluentActions.Awaiting(() => OpenAsync(target, WithSockets(directory.FullName))).Should().ThrowAsync<SourceException>().WithMessage("*is another than that at 127.0.0.1*");
        }
        finally
        {
            directory.Delete(recursive: true);
        }
    }

    [Fact]
    public async Task The_services_own_role_restores_and_swaps_what_is_its_own()
    {
        string role = server.NewRole("CREATEDB"), database = $"own{_id}";
        server.Real.Sql("postgres", $"CREATE DATABASE {database} OWNER {role} TEMPLATE template0");
        server.Real.Sql(database, $"SET ROLE {role}; CREATE TABLE t(a int); INSERT INTO t VALUES (1), (2); CREATE EXTENSION pg_trgm; SELECT lo_create(77)");
        server.Real.Sql("postgres", $"ALTER DATABASE {database} SET work_mem = '2MB'; GRANT CONNECT ON DATABASE {database} TO pg_monitor");
        string before = server.Describe(database);
        byte[] dump = await PostgresServer.DumpAsync(server.Peer(database));
        DatabaseReplacement replacement = await OpenAsync(server.Tcp(database, role), PostgresServer.Options);
        replacement.By.Should().Be($"role {role}, by its password");

        RestoreOutlook outlook = await replacement.CheckAsync(new MemoryStream(dump), null, Test.Token);
        outlook.Should().BeEquivalentTo(new { IsSuperuser = false, Obstacles = Array.Empty<object>() });
        outlook.Live!.Bytes.Should().BePositive();
        (await replacement.RestoreAsync(new MemoryStream(dump), null, [], Test.Token)).Rows.Should().Be(2);
        await replacement.MoveToAsync(DatabaseSide.Fresh, hadLive: true, Test.Token);
        server.Describe(database).Should().Be(before);
        await replacement.MoveToAsync(DatabaseSide.Previous, hadLive: true, Test.Token);
        await replacement.DropAsync(DatabaseSide.Fresh, Test.Token);
    }

    [Fact]
    public async Task What_the_services_role_cannot_give_away_is_known_before()
    {
        string role = server.NewRole("CREATEDB"), other = server.NewRole(), gone = server.NewRole(), database = server.NewDatabase(1);
        server.Real.Sql(database, $"ALTER DATABASE {database} OWNER TO {role}; ALTER TABLE events OWNER TO {other}; GRANT SELECT ON events TO {gone}");
        byte[] dump = await PostgresServer.DumpAsync(server.Peer(database));
        server.Real.Sql(database, $"DROP OWNED BY {gone}; DROP ROLE {gone}");
        DatabaseReplacement replacement = await OpenAsync(server.Tcp(database, role), PostgresServer.Options);
        RestoreOutlook outlook = await replacement.CheckAsync(new MemoryStream(dump), $"CREATE ROLE {gone};", Test.Token);
        outlook.Obstacles.Select(each => each.What).Should().SatisfyRespectively(
            roles => roles.Should().Contain($"lacks roles that the dump names ({gone})").And.Contain("may not create them"),
            owners => owners.Should().Contain("may not make things for").And.Contain(other));
        Func<Task> restore = () => replacement.RestoreAsync(new MemoryStream(dump), $"CREATE ROLE {gone};", [], Test.Token);
        (await restore.Should().ThrowAsync<SourceException>()).WithMessage("*permission denied to create role*");
        (await replacement.InspectAsync(Test.Token)).Fresh.Should().BeNull();
    }

    [Fact]
    public async Task What_the_server_cannot_take_is_known_before()
    {
        string database = server.NewDatabase(1);
        server.Real.Sql(database, "CREATE EXTENSION pg_trgm");
        byte[] dump = await PostgresServer.DumpAsync(server.Peer(database));
        DatabaseReplacement replacement = await OpenAsync(server.Peer(database), PostgresServer.Options);

        byte[] strange = Replace(Replace(Replace(dump, "pg_trgm", "pg_nope"), "ENCODING = 'UTF8'", "ENCODING = 'UTF9'"), "LOCALE = 'C.UTF-8'", "LOCALE = 'x_Y.UTF'");
        RestoreOutlook outlook = await replacement.CheckAsync(new MemoryStream(strange), null, Test.Token);
        outlook.Obstacles.Select(each => each.What).Should().SatisfyRespectively(extension => extension.Should().Contain("needs the extension pg_nope"), encoding => encoding.Should().Contain("UTF9"));
        outlook.Warnings.Should().ContainSingle().Which.Should().Contain("locale x_Y.UTF");

        string version = server.Real.Sql("postgres", "SHOW server_version");
        byte[] newer = Replace(dump, version, $"99{version[2..]}");
        (await replacement.CheckAsync(new MemoryStream(newer), null, Test.Token)).Warnings.Should().ContainSingle().Which.Should().Contain("the dump is of PostgreSQL 99").And.Contain("which is older");

        await FluentActions.Awaiting(() => replacement.CheckAsync(new MemoryStream(Encoding.UTF8.GetBytes("-- plain SQL\n")), null, Test.Token)).Should().ThrowAsync<SourceException>();
    }

    [Fact]
    public void The_head_of_a_dump_says_whose_it_is_and_who_can_read_it()
    {
        DumpHeader.Read("PGDMP"u8).Should().BeNull();
        byte[] head = [.. "PGDMP\x01"u8, 16, 0, 4, 8, 1, 0, .. new byte[35], 0, 1, 0, 0, 0, (byte)'d', 0, 4, 0, 0, 0, .. "17.2"u8, 0, 5, 0, 0, 0, .. "18rc1"u8];
        DumpHeader header = DumpHeader.Read(head)!;
        header.Should().Be(new DumpHeader(16, "17.2", "18rc1"));
        header.OldestReader.Should().Be(17);
        (DumpHeader.Major(header.ProgramVersion), DumpHeader.Major("9.6.24"), DumpHeader.Major("devel")).Should().Be((18, 9, 0));
        for (int length = 0; length < head.Length; length++) DumpHeader.Read(head.AsSpan(0, length)).Should().BeNull();
    }

    private Task<DatabaseReplacement> OpenAsync(PostgresTarget target, PostgresOptions options) => DatabaseReplacement.OpenAsync(target, DatabaseNames.For(target.Database, _id), options, Test.Token);

    /// <summary>Replaces a text by one of the same length, wherever it stands.</summary>
    private static byte[] Replace(byte[] dump, string old, string by)
    {
        old.Length.Should().Be(by.Length);
        dump.AsSpan().IndexOf(Encoding.UTF8.GetBytes(old)).Should().BeGreaterThan(0);
        return Encoding.Latin1.GetBytes(Encoding.Latin1.GetString(dump).Replace(old, by, StringComparison.Ordinal));
    }
}
