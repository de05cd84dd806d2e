using BackupTool.Services.Sources;
using BackupTool.Services.Sources.Postgres;
using BackupTool.Tests.TestSupport;

namespace BackupTool.Tests.Services.Sources.Postgres;

[Collection("pg_dump")]   // some count the programs that this process runs
public sealed class DatabaseRolesTests(PostgresServer server) : IClassFixture<PostgresServer>
{
    private const string Secret = "SCRAM-SHA-256$4096:secret";
    private readonly string _id = Guid.NewGuid().ToString("N")[..12];

    [Fact]
    public async Task Roles_that_are_missing_come_back_with_passwords_settings_and_memberships_and_others_are_not_touched()
    {
        string database = server.NewDatabase(3), service = server.NewRole("CREATEDB"), group = $"Gr\"oup {_id}", kept = server.NewRole(), foreign = server.NewRole();
        server.Real.Sql(database, $"CREATE ROLE {SqlText.Name(group)}; GRANT {SqlText.Name(group)} TO {service}; GRANT {kept} TO {service} WITH ADMIN OPTION");
        server.Real.Sql(database, $"""
            ALTER ROLE {service} SET statement_timeout = '1h'; COMMENT ON ROLE {service} IS 'the; service';
            ALTER DATABASE {database} OWNER TO {service}; ALTER TABLE events OWNER TO {service}; GRANT SELECT ON events TO {SqlText.Name(group)}, {kept}
            """);
        byte[] dump = await PostgresServer.DumpAsync(server.Peer(database));
        string globals = await PostgresServer.GlobalsAsync(server.Peer(database));
        server.Real.Sql("postgres", $"DROP DATABASE {database}; DROP ROLE {service}; DROP ROLE {SqlText.Name(group)}; DROP ROLE {foreign}; ALTER ROLE {kept} NOLOGIN CONNECTION LIMIT 3");
        string keptBefore = server.Real.Sql("postgres", $"SELECT * FROM pg_authid WHERE rolname = '{kept}'");
        DatabaseReplacement replacement = await OpenAsync(database);

        (await replacement.CheckAsync(new MemoryStream(dump), globals, Test.Token)).Should().BeEquivalentTo(new { RolesToCreate = new[] { group, service }, Obstacles = Array.Empty<object>() });
        server.Real.Sql("postgres", $"SELECT count(*) FROM pg_roles WHERE rolname = '{service}'").Should().Be("0", "a check creates nothing");
        await replacement.RestoreAsync(new MemoryStream(dump), globals, [], Test.Token);
        await replacement.MoveToAsync(DatabaseSide.Fresh, hadLive: false, Test.Token);

        (await PostgresSource.ListDatabasesAsync(server.Tcp(database, service), PostgresServer.Options, Test.Token)).Should().Contain(database, "the old password lets it in");
        server.Real.Sql("postgres", $"""
            SELECT rolcreatedb, rolcanlogin, rolsuper, rolconfig::text, shobj_description(oid, 'pg_authid'), (SELECT string_agg(g.rolname || m.admin_option, ',' ORDER BY m.admin_option) FROM pg_auth_members m JOIN pg_roles g ON g.oid = m.roleid WHERE m.member = r.oid)
            FROM pg_roles r WHERE rolname = '{service}'
            """).Should().Be($"t|t|f|{{statement_timeout=1h}}|the; service|{group}false,{kept}true");
        server.Real.Sql("postgres", $"SELECT * FROM pg_authid WHERE rolname = '{kept}'").Should().Be(keptBefore);
        server.Real.Sql("postgres", $"SELECT count(*) FROM pg_roles WHERE rolname = '{foreign}'").Should().Be("0", "the dump does not name it");
    }

    [Fact]
    public async Task A_role_that_nobody_knows_is_named_before_anything_is_done()
    {
        (byte[] dump, string role, string database) = await DumpOfMissingAsync();
        DatabaseReplacement replacement = await OpenAsync(database);
        RestoreObstacle obstacle = (await replacement.CheckAsync(new MemoryStream(dump), null, Test.Token)).Obstacles.Should().ContainSingle().Subject;
        obstacle.What.Should().Contain($"lacks role {role}");
        obstacle.WayOut.Should().Contain($"createuser --no-login '{role}'");
        await FluentActions.Awaiting(() => replacement.RestoreAsync(new MemoryStream(dump), "", [], Test.Token)).Should().ThrowAsync<SourceException>().WithMessage($"*lacks role {role}*");
        (await replacement.InspectAsync(Test.Token)).Fresh.Should().BeNull();
    }

    [Fact]
    public async Task Roles_that_were_made_for_a_restore_that_failed_are_dropped_again()
    {
        (byte[] dump, string role, string database) = await DumpOfMissingAsync();
        DatabaseReplacement replacement = await OpenAsync(database);
        await FluentActions.Awaiting(() => replacement.RestoreAsync(new MemoryStream(dump[..(dump.Length * 9 / 10)]), $"CREATE ROLE {role}; ALTER ROLE {role} WITH NOSUPERUSER LOGIN;", [], Test.Token)).Should().ThrowAsync<SourceException>();
        server.Real.Sql("postgres", $"SELECT count(*) FROM pg_roles WHERE rolname = '{role}'").Should().Be("0");
    }

    [Theory]
    [InlineData($"WITH '{Secret}'")]
    [InlineData($"WITH LOGIN PASSWORD '{Secret}' NOTHING_SUCH")]
    [InlineData($"SET work_mem TO '{Secret}'")]
    public async Task A_server_that_refuses_a_role_does_not_make_its_password_known(string change)
    {
        (byte[] dump, string role, string database) = await DumpOfMissingAsync();
        DatabaseReplacement replacement = await OpenAsync(database);
        Func<Task> restore = () => replacement.RestoreAsync(new MemoryStream(dump), $"CREATE ROLE {role}; ALTER ROLE {role} {change};", [], Test.Token);
        SourceException failure = (await restore.Should().ThrowAsync<SourceException>()).Which;
        failure.ToString().Should().Contain($"role {role} cannot be created").And.NotContain("secret");
        failure.Hint.Should().NotContain("secret");
        server.Real.Sql("postgres", $"SELECT count(*) FROM pg_roles WHERE rolname = '{role}'").Should().Be("0");
    }

    private async Task<(byte[] Dump, string Role, string Database)> DumpOfMissingAsync()
    {
        string database = server.NewDatabase(1000, 200), role = server.NewRole();
        server.Real.Sql(database, $"GRANT SELECT ON events TO {role}");
        byte[] dump = await PostgresServer.DumpAsync(server.Peer(database));
        server.Real.Sql(database, $"DROP OWNED BY {role}; DROP ROLE {role}");
        return (dump, role, database);
    }

    private Task<DatabaseReplacement> OpenAsync(string database) => DatabaseReplacement.OpenAsync(server.Peer(database), DatabaseNames.For(database, _id), PostgresServer.Options, Test.Token);
}
