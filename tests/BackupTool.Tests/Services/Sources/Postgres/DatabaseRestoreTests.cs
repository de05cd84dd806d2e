using BackupTool.Services.Sources;
using BackupTool.Services.Sources.Postgres;
using BackupTool.Tests.TestSupport;

namespace BackupTool.Tests.Services.Sources.Postgres;

[Collection("pg_dump")]   // some count the programs that this process runs
public sealed class DatabaseRestoreTests(PostgresServer server) : IClassFixture<PostgresServer>
{
    private readonly string _id = Guid.NewGuid().ToString("N")[..12];

    [Theory]
    [InlineData("we\"ird Näme; 'x' \\ DATABASE")]
    [InlineData("UPPER")]
    [InlineData("sixty-three bytes long ==================================== end")]
    public async Task A_database_of_any_name_comes_back_as_it_was_with_all_that_is_said_of_it(string prefix)
    {
        string owner = $"Owner \"{_id}\"", member = $"member {_id}", quoted = SqlText.Name(prefix);
        server.NewDatabase(100, name: prefix);
        try
        {
            server.Real.Sql("postgres", $"""
                CREATE ROLE {SqlText.Name(owner)} LOGIN; CREATE ROLE {SqlText.Name(member)};
                ALTER DATABASE {quoted} OWNER TO {SqlText.Name(owner)}; COMMENT ON DATABASE {quoted} IS 'it''s; \ mine';
                ALTER DATABASE {quoted} SET search_path = 'a b', public; ALTER DATABASE {quoted} SET default_transaction_read_only = on; ALTER DATABASE {quoted} CONNECTION LIMIT 7;
                ALTER ROLE {SqlText.Name(member)} IN DATABASE {quoted} SET work_mem = '1MB';
                REVOKE ALL ON DATABASE {quoted} FROM PUBLIC; GRANT CONNECT ON DATABASE {quoted} TO {SqlText.Name(member)} WITH GRANT OPTION
                """);
            server.Real.Sql(prefix, $"""
                SET default_transaction_read_only = off;
                CREATE SCHEMA "a b"; CREATE EXTENSION pg_trgm SCHEMA "a b"; CREATE TYPE "a b".colour AS ENUM ('red', 'blue');
                CREATE TABLE "a b".things(id serial PRIMARY KEY, c "a b".colour, made timestamptz DEFAULT now(), j jsonb) ; INSERT INTO "a b".things(c, j) SELECT 'red', '["\\\"x"]' FROM generate_series(1, 50);
                CREATE FUNCTION touch() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN NEW.made := now(); RETURN NEW; END; $$;
                CREATE TRIGGER touching BEFORE UPDATE ON "a b".things FOR EACH ROW EXECUTE FUNCTION touch();
                CREATE FUNCTION atomic() RETURNS bigint LANGUAGE sql BEGIN ATOMIC SELECT count(*) FROM public.events; SELECT 2; END;
                CREATE VIEW public.few AS SELECT * FROM events WHERE n < 5; CREATE MATERIALIZED VIEW public.seen AS SELECT count(*) FROM events;
                ALTER TABLE "a b".things OWNER TO {SqlText.Name(owner)}; GRANT SELECT ON events TO {SqlText.Name(member)}; ALTER TABLE events ENABLE ROW LEVEL SECURITY;
                CREATE POLICY own ON events TO {SqlText.Name(member)}, {SqlText.Name(owner)} USING (n > 1);
                ALTER DEFAULT PRIVILEGES FOR ROLE {SqlText.Name(owner)} GRANT SELECT ON TABLES TO {SqlText.Name(member)};
                SELECT lo_from_bytea(4711, '\xdeadbeef'); ALTER LARGE OBJECT 4711 OWNER TO {SqlText.Name(owner)}; CREATE PUBLICATION everything FOR ALL TABLES
                """);
            string before = server.Describe(prefix);
            byte[] dump = await PostgresServer.DumpAsync(server.Peer(prefix));
            DatabaseReplacement replacement = await OpenAsync(prefix);
            server.Real.Sql(prefix, "SET default_transaction_read_only = off; DELETE FROM events; DROP TABLE \"a b\".things");

            RestoreOutlook outlook = await replacement.CheckAsync(new MemoryStream(dump), null, Test.Token);
            outlook.Should().BeEquivalentTo(new { Obstacles = Array.Empty<object>(), Warnings = Array.Empty<string>(), RolesToCreate = Array.Empty<string>(), IsSuperuser = true });
            outlook.DumpedFrom.Should().Be(outlook.ServerVersion);
            outlook.Live!.Owner.Should().Be(owner);
            RestoredContent content = await replacement.RestoreAsync(new MemoryStream(dump), null, [], Test.Token);
            content.RowsByTable.Should().Contain("public.events", 100).And.Contain("\"a b\".things", 50);
            await replacement.MoveToAsync(DatabaseSide.Fresh, hadLive: true, Test.Token);

            server.Describe(prefix).Should().Be(before);
            server.Real.Sql(prefix, "SELECT encode(lo_get(4711), 'hex'), atomic()").Should().Be("deadbeef|2");
            server.Real.Sql("postgres", "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'backup'").Should().Be("0");

            await replacement.DropAsync(DatabaseSide.Previous, Test.Token);
            (await replacement.InspectAsync(Test.Token)).Should().BeEquivalentTo(new { Fresh = (object?)null, Previous = (object?)null });
        }
        finally
        {
            server.Real.Sql("postgres", $"DROP DATABASE {quoted}");
        }
    }

    [Fact]
    public async Task Statements_afterwards_run_in_one_transaction_in_the_new_database_only()
    {
        string database = server.NewDatabase(3);
        server.Real.Sql(database, "CREATE TABLE e2e_one_time_keys_json(k text); INSERT INTO e2e_one_time_keys_json VALUES ('used once')");
        byte[] dump = await PostgresServer.DumpAsync(server.Peer(database));
        DatabaseReplacement replacement = await OpenAsync(database);

        RestoredContent content = await replacement.RestoreAsync(new MemoryStream(dump), null, ["TRUNCATE e2e_one_time_keys_json", "DELETE FROM events WHERE n = 1"], Test.Token);

        content.RowsByTable.Should().Equal(new Dictionary<string, long> { ["public.e2e_one_time_keys_json"] = 0, ["public.events"] = 2 });
        server.Real.Sql(database, "SELECT (SELECT count(*) FROM events), (SELECT count(*) FROM e2e_one_time_keys_json)").Should().Be("3|1");
        server.Real.Sql(replacement.Names.Fresh, "SELECT reltuples FROM pg_class WHERE relname = 'events'").Should().Be("2", "it is analysed");

        Func<Task> failing = () => replacement.RestoreAsync(new MemoryStream(dump), null, ["DELETE FROM events", "TRUNCATE no_such_table"], Test.Token);
        (await failing.Should().ThrowAsync<SourceException>()).WithMessage("*no_such_table*");
        await NothingIsLeftAsync(replacement);
    }

    [Fact]
    public async Task What_an_earlier_run_left_half_done_is_replaced()
    {
        string database = server.NewDatabase(3);
        DatabaseReplacement replacement = await OpenAsync(database);
        server.NewDatabase(9, name: replacement.Names.Fresh);
        (await replacement.RestoreAsync(new MemoryStream(await PostgresServer.DumpAsync(server.Peer(database))), null, [], Test.Token)).Rows.Should().Be(3);
    }

    [Theory]
    [InlineData(0.0)]
    [InlineData(0.01)]
    [InlineData(0.6)]
    [InlineData(0.999)]
    public async Task A_truncated_dump_leaves_nothing_and_touches_nothing(double part)
    {
        string database = server.NewDatabase(5_000, 200);
        byte[] dump = await PostgresServer.DumpAsync(server.Peer(database));
        DatabaseReplacement replacement = await OpenAsync(database);
        Func<Task> restore = () => replacement.RestoreAsync(new MemoryStream(dump[..(int)(dump.Length * part)]), null, [], Test.Token);
        await restore.Should().ThrowAsync<SourceException>();
        await NothingIsLeftAsync(replacement);
        server.Real.Sql(database, "SELECT count(*) FROM events").Should().Be("5000");
    }

    [Fact]
    public async Task A_broken_source_and_a_cancellation_come_through_and_leave_nothing()
    {
        string database = server.NewDatabase(20_000, 200);
        byte[] dump = await PostgresServer.DumpAsync(server.Peer(database));
        DatabaseReplacement replacement = await OpenAsync(database);
        Func<Task> breaking = () => replacement.RestoreAsync(new BreakingStream(dump, 3_000_000), null, [], Test.Token);
        (await breaking.Should().ThrowAsync<InvalidDataException>()).WithMessage("a chunk is damaged");
        await NothingIsLeftAsync(replacement);

        using var cancel = new CancellationTokenSource();
        Func<Task> cancelled = () => replacement.RestoreAsync(new BreakingStream(dump, 3_000_000, cancel.Cancel), null, [], cancel.Token);
        await cancelled.Should().ThrowAsync<OperationCanceledException>();
        await NothingIsLeftAsync(replacement);
    }

    [Fact]
    public async Task A_database_that_is_gone_comes_back_and_going_back_leaves_none()
    {
        string database = server.NewDatabase(7);
        byte[] dump = await PostgresServer.DumpAsync(server.Peer(database));
        server.Real.Sql("postgres", $"DROP DATABASE {database}");
        DatabaseReplacement replacement = await OpenAsync(database);
        (await replacement.CheckAsync(new MemoryStream(dump), null, Test.Token)).Should().BeEquivalentTo(new { Live = (object?)null, Obstacles = Array.Empty<object>() });

        await replacement.RestoreAsync(new MemoryStream(dump), null, [], Test.Token);
        await replacement.MoveToAsync(DatabaseSide.Fresh, hadLive: false, Test.Token);
        server.Real.Sql(database, "SELECT count(*) FROM events").Should().Be("7");
        await replacement.MoveToAsync(DatabaseSide.Previous, hadLive: false, Test.Token);
        (await replacement.InspectAsync(Test.Token)).Should().BeEquivalentTo(new { Live = (object?)null, Previous = (object?)null });
        await replacement.DropAsync(DatabaseSide.Fresh, Test.Token);
    }

    [Fact]
    public async Task A_wipe_leaves_an_empty_database_with_all_that_was_said_of_the_live_one()
    {
        string database = server.NewDatabase(7), role = server.NewRole();
        server.Real.Sql("postgres", $"""
            ALTER DATABASE {database} OWNER TO {role}; COMMENT ON DATABASE {database} IS 'it''s \ mine';
            ALTER DATABASE {database} SET search_path = 'a b', "Q""q", public; ALTER DATABASE {database} SET statement_timeout = '5min'; ALTER DATABASE {database} SET my.own = 'x';
            ALTER DATABASE {database} SET temp_tablespaces = ''; ALTER ROLE {role} IN DATABASE {database} SET work_mem = '1MB'; ALTER DATABASE {database} CONNECTION LIMIT 11;
            REVOKE ALL ON DATABASE {database} FROM PUBLIC; GRANT CONNECT ON DATABASE {database} TO {role} WITH GRANT OPTION; GRANT TEMPORARY ON DATABASE {database} TO PUBLIC
            """);
        DatabaseReplacement replacement = await OpenAsync(database);
        string before = Definition(database);

        (await replacement.CheckAsync(null, null, Test.Token)).Obstacles.Should().BeEmpty();
        await replacement.CreateEmptyAsync(Test.Token);
        await replacement.MoveToAsync(DatabaseSide.Fresh, hadLive: true, Test.Token);

        Definition(database).Should().Be(before).And.Contain("search_path=\"a b\", \"Q\"\"q\", public");
        server.Real.Sql(database, "SELECT count(*) FROM pg_tables WHERE schemaname = 'public'").Should().Be("0");
        await replacement.MoveToAsync(DatabaseSide.Previous, hadLive: true, Test.Token);
        server.Real.Sql(database, "SELECT count(*) FROM events").Should().Be("7");

        string Definition(string name) => server.Real.Sql("postgres", $"""
            SELECT encoding, datcollate, datctype, datlocprovider, daticulocale, datdba::regrole, datconnlimit, shobj_description(oid, 'pg_database'),
              (SELECT string_agg(x, E'\n' ORDER BY x) FROM (SELECT setrole::regrole || ' ' || unnest(setconfig) AS x FROM pg_db_role_setting WHERE setdatabase = d.oid) s),
              (SELECT string_agg(x::text, ' ' ORDER BY x::text) FROM unnest(datacl) x) FROM pg_database d WHERE datname = '{name}'
            """);
    }

    [Fact]
    public async Task There_is_nothing_to_wipe_where_nothing_is()
    {
        DatabaseReplacement replacement = await OpenAsync($"nothing{_id}");
        (await replacement.CheckAsync(null, null, Test.Token)).Obstacles.Should().ContainSingle().Which.What.Should().Contain("there is no database");
        await FluentActions.Awaiting(() => replacement.CreateEmptyAsync(Test.Token)).Should().ThrowAsync<SourceException>();
    }

    [Fact]
    public async Task An_icu_locale_and_another_encoding_come_back_and_are_wiped_alike()
    {
        string icu = $"icu{_id}", latin = $"latin{_id}";
        server.Real.Sql("postgres", $"CREATE DATABASE {icu} TEMPLATE template0 ENCODING 'UTF8' LOCALE_PROVIDER icu ICU_LOCALE 'de-DE' LOCALE 'C.UTF-8'");
        server.Real.Sql("postgres", $"CREATE DATABASE {latin} TEMPLATE template0 ENCODING 'LATIN1' LOCALE 'C'");
        foreach (string database in (string[])[icu, latin])
        {
            server.Real.Sql(database, "CREATE TABLE t(a text); INSERT INTO t VALUES (chr(252))");
            byte[] dump = await PostgresServer.DumpAsync(server.Peer(database));
            DatabaseReplacement replacement = await OpenAsync(database);
            await replacement.RestoreAsync(new MemoryStream(dump), null, [], Test.Token);
            Same(replacement.Names.Fresh).Should().Be(Same(database));
            await replacement.CreateEmptyAsync(Test.Token);
            Same(replacement.Names.Fresh).Should().Be(Same(database));
        }

        string Same(string database) => server.Real.Sql("postgres", $"SELECT encoding, datcollate, datctype, datlocprovider, daticulocale FROM pg_database WHERE datname = '{database}'");
    }

    private Task<DatabaseReplacement> OpenAsync(string database) => DatabaseReplacement.OpenAsync(server.Peer(database), DatabaseNames.For(database, _id), PostgresServer.Options, Test.Token);

    private static async Task NothingIsLeftAsync(DatabaseReplacement replacement) => (await replacement.InspectAsync(Test.Token)).Fresh.Should().BeNull();
}
