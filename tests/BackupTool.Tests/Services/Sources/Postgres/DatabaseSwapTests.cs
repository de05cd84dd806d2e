using System.Diagnostics;
using BackupTool.Services.Sources;
using BackupTool.Services.Sources.Postgres;
using BackupTool.Tests.TestSupport;
using Npgsql;

namespace BackupTool.Tests.Services.Sources.Postgres;

[Collection("pg_dump")]   // one counts the threads of this process that are somebody else
public sealed class DatabaseSwapTests(PostgresServer server) : IClassFixture<PostgresServer>
{
    private readonly string _id = Guid.NewGuid().ToString("N")[..12];

    /// <summary>In every state that a kill or an operator can leave: both ways, and what is live then. Each database holds its letter.</summary>
    [Theory]
    [InlineData("LF", true, "F", "L")]
    [InlineData("LP", true, "L", "P")]
    [InlineData("FP", true, "F", "P")]
    [InlineData("L", true, null, "L")]
    [InlineData("P", true, null, "P")]
    [InlineData("F", false, "F", "")]
    [InlineData("L", false, "L", "")]
    [InlineData("", false, null, "")]
    [InlineData("LFP", true, null, null)]
    public async Task From_every_state_the_wanted_one_is_live_or_nothing_is_changed(string there, bool hadLive, string? forth, string? back)
    {
        foreach ((DatabaseSide side, string? expected) in new[] { (DatabaseSide.Fresh, forth), (DatabaseSide.Previous, back) })
        {
            DatabaseReplacement replacement = await OpenAsync($"s{Guid.NewGuid():N}");
            foreach (char letter in there) Make(replacement.Names, letter);
            string before = Seen(replacement.Names);
            Func<Task> move = () => replacement.MoveToAsync(side, hadLive, Test.Token);
            if (expected is null)
            {
                await move.Should().ThrowAsync<SourceException>();
                Seen(replacement.Names).Should().Be(before);
                continue;
            }
            await move();
            Seen(replacement.Names).Should().StartWith($"live:{expected} ");
            string after = Seen(replacement.Names);
            await move();
            Seen(replacement.Names).Should().Be(after, "it is there already");
            foreach (DatabaseSide dropped in Enum.GetValues<DatabaseSide>()) await replacement.DropAsync(dropped, Test.Token);
            Seen(replacement.Names).Should().Be($"live:{expected} fresh: previous:");
        }
    }

    [Theory]
    [InlineData("LP", DatabaseSide.Previous, true, false)]
    [InlineData("L", DatabaseSide.Previous, true, true)]
    [InlineData("L", DatabaseSide.Previous, false, false)]
    [InlineData("LF", DatabaseSide.Fresh, true, false)]
    [InlineData("L", DatabaseSide.Fresh, true, true)]
    public async Task That_what_was_kept_has_been_dropped_since_is_seen_before_it_is_wanted_back(string there, DatabaseSide side, bool hadLive, bool isGone)
    {
        DatabaseReplacement replacement = await OpenAsync($"s{Guid.NewGuid():N}");
        foreach (char letter in there) Make(replacement.Names, letter);
        string before = Seen(replacement.Names);

        IReadOnlyList<RestoreObstacle> obstacles = await replacement.CheckMoveAsync(side, hadLive, Test.Token);

        obstacles.Select(static obstacle => obstacle.What.Contains("is not there any more", StringComparison.Ordinal)).Should().Equal(isGone ? [true] : []);
        Seen(replacement.Names).Should().Be(before);
        foreach (DatabaseSide dropped in Enum.GetValues<DatabaseSide>()) await replacement.DropAsync(dropped, Test.Token);
    }

    [Fact]
    public async Task Whoever_is_in_it_is_ended_and_whoever_connects_in_a_loop_waits()
    {
        string database = server.NewDatabase(1), role = server.NewRole();
        DatabaseReplacement replacement = await OpenAsync(database);
        server.Real.Sql(database, $"CREATE TABLE which(name text); INSERT INTO which VALUES ('old'); GRANT SELECT ON which TO {role}");
        server.Real.Sql("postgres", $"CREATE DATABASE {replacement.Names.Fresh} TEMPLATE {database}");
        server.Real.Sql(replacement.Names.Fresh, "UPDATE which SET name = 'new'");
        await using NpgsqlConnection idle = await ConnectAsync(database, role);
        await using NpgsqlConnection working = await ConnectAsync(database, role);
        Task sleeping = ReadAsync(working, "SELECT pg_sleep(600)::text");
        using var stop = new CancellationTokenSource();
        Task<(int Old, int New)>[] loops = [.. Enumerable.Range(0, 6).Select(_ => Task.Run(() => KeepConnectingAsync(database, role, stop.Token)))];
        await Task.Delay(300, Test.Token);

        long start = Stopwatch.GetTimestamp();
        await replacement.MoveToAsync(DatabaseSide.Fresh, hadLive: true, Test.Token);
        Stopwatch.GetElapsedTime(start).Should().BeLessThan(TimeSpan.FromSeconds(5));
        await Task.Delay(300, Test.Token);
        await stop.CancelAsync();

        foreach ((int old, int @new) in await Task.WhenAll(loops))
        {
            old.Should().BePositive();
            @new.Should().BePositive("they come in again by themselves");
        }
        await FluentActions.Awaiting(() => sleeping).Should().ThrowAsync<NpgsqlException>();
        await FluentActions.Awaiting(() => ReadAsync(idle, "SELECT 'x'")).Should().ThrowAsync<NpgsqlException>();
        server.Real.Sql("postgres", $"SELECT bool_and(datallowconn), max(datconnlimit) FROM pg_database WHERE datname LIKE '{database}%'").Should().Be("t|-1", "nothing had to be changed for it");
    }

    [Fact]
    public async Task A_session_that_may_not_be_ended_is_named_and_nothing_is_changed()
    {
        string role = server.NewRole("CREATEDB"), database = server.NewDatabase(1);
        server.Real.Sql("postgres", $"ALTER DATABASE {database} OWNER TO {role}");
        DatabaseReplacement replacement = await DatabaseReplacement.OpenAsync(server.Tcp(database, role), DatabaseNames.For(database, _id), PostgresServer.Options, Test.Token);
        await replacement.CreateEmptyAsync(Test.Token);
        using Process psql = StartPsql(database);
        try
        {
            Func<Task> move = () => replacement.MoveToAsync(DatabaseSide.Fresh, hadLive: true, Test.Token);
            (await move.Should().ThrowAsync<SourceException>()).WithMessage("*psql of role postgres (process *");
            (await replacement.InspectAsync(Test.Token)).Should().BeEquivalentTo(new { Previous = (object?)null, Live = new { Sessions = 1, Owner = role } });
        }
        finally
        {
            server.Real.Sql("postgres", $"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{database}'");
            await psql.WaitForExitAsync(Test.Token);
        }
        await replacement.MoveToAsync(DatabaseSide.Fresh, hadLive: true, Test.Token);
    }

    [Fact]
    public async Task A_prepared_transaction_is_an_obstacle_before_and_is_named_at_the_swap()
    {
        string database = server.NewDatabase(1);
        DatabaseReplacement replacement = await OpenAsync(database);
        await replacement.CreateEmptyAsync(Test.Token);
        server.Real.Sql(database, "BEGIN; DELETE FROM events; PREPARE TRANSACTION 'it''s one'");

        RestoreObstacle obstacle = (await replacement.CheckAsync(null, null, Test.Token)).Obstacles.Should().ContainSingle().Subject;
        obstacle.What.Should().Contain("holds the prepared transaction 'it''s one'");
        obstacle.WayOut.Should().Contain("ROLLBACK PREPARED 'it''s one'");
        Func<Task> move = () => replacement.MoveToAsync(DatabaseSide.Fresh, hadLive: true, Test.Token);
        (await move.Should().ThrowAsync<SourceException>()).WithMessage("*holds the prepared transaction*");
        server.Real.Sql(database, "ROLLBACK PREPARED 'it''s one'");
        await move();
    }

    [Fact]
    public async Task A_replication_slot_and_a_subscription_are_obstacles()
    {
        string database = server.NewDatabase(1);
        DatabaseReplacement replacement = await OpenAsync(database);
        server.Real.Sql(database, $"SELECT pg_create_logical_replication_slot('slot_{_id}', 'pgoutput'); CREATE SUBSCRIPTION \"my sub\" CONNECTION 'host=127.0.0.1 dbname=nowhere' PUBLICATION p WITH (connect = false, slot_name = NONE)");
        try
        {
            IReadOnlyList<RestoreObstacle> obstacles = (await replacement.CheckAsync(null, null, Test.Token)).Obstacles;
            obstacles.Should().HaveCount(2);
            obstacles[0].What.Should().Contain($"replication slot slot_{_id}");
            obstacles[1].WayOut.Should().Contain("DROP SUBSCRIPTION \"my sub\"");
        }
        finally
        {
            server.Real.Sql(database, $"SELECT pg_drop_replication_slot('slot_{_id}'); DROP SUBSCRIPTION \"my sub\"");
        }
    }

    [Fact]
    public async Task What_was_replaced_once_is_not_replaced_again_before_that_is_settled()
    {
        DatabaseReplacement replacement = await OpenAsync(server.NewDatabase(1));
        await replacement.CreateEmptyAsync(Test.Token);
        await replacement.MoveToAsync(DatabaseSide.Fresh, hadLive: true, Test.Token);
        (await replacement.CheckAsync(null, null, Test.Token)).Obstacles.Should().ContainSingle().Which.WayOut.Should().Contain("--forget-previous");
        await FluentActions.Awaiting(() => replacement.CreateEmptyAsync(Test.Token)).Should().ThrowAsync<SourceException>().WithMessage("*is replaced already*");
        (await replacement.InspectAsync(Test.Token)).Fresh.Should().BeNull();
    }

    [Fact]
    public async Task Forgetting_ends_who_is_in_it_and_drops_a_template_too()
    {
        DatabaseReplacement replacement = await OpenAsync(server.NewDatabase(1));
        await replacement.CreateEmptyAsync(Test.Token);
        server.Real.Sql("postgres", $"ALTER DATABASE {replacement.Names.Fresh} IS_TEMPLATE true");
        using Process psql = StartPsql(replacement.Names.Fresh);
        (await replacement.InspectAsync(Test.Token)).Fresh.Should().BeEquivalentTo(new { Sessions = 1, Owner = "postgres", IsHalfDropped = false });
        await replacement.DropAsync(DatabaseSide.Fresh, Test.Token);
        await psql.WaitForExitAsync(Test.Token);
        DatabaseState state = await replacement.InspectAsync(Test.Token);
        state.Fresh.Should().BeNull();
        state.Live!.Bytes.Should().BeGreaterThan(1_000_000);
    }

    [Fact]
    public async Task The_database_of_the_name_postgres_can_be_replaced_too()
    {
        using RealPostgres own = RealPostgres.Start();
        var target = new PostgresTarget { Database = "postgres", Host = own.SocketDirectory, Port = own.Port, SystemUser = own.SystemUser, Role = "postgres" };
        DatabaseReplacement replacement = await DatabaseReplacement.OpenAsync(target, DatabaseNames.For("postgres", _id), PostgresServer.Options, Test.Token);
        own.Sql("postgres", "CREATE TABLE mine()");
        await replacement.CreateEmptyAsync(Test.Token);
        await replacement.MoveToAsync(DatabaseSide.Fresh, hadLive: true, Test.Token);
        own.Sql("postgres", "SELECT to_regclass('mine') IS NULL").Should().Be("t");
    }

    private Task<DatabaseReplacement> OpenAsync(string database) => DatabaseReplacement.OpenAsync(server.Peer(database), DatabaseNames.For(database, _id), PostgresServer.Options, Test.Token);

    private void Make(DatabaseNames names, char letter)
    {
        string name = letter == 'L' ? names.Live : letter == 'F' ? names.Fresh : names.Previous;
        server.Real.CreateDatabase(name);
        server.Real.Sql("postgres", $"COMMENT ON DATABASE {name} IS '{letter}'");
    }

    private string Seen(DatabaseNames names) => string.Join(' ', new[] { ("live", names.Live), ("fresh", names.Fresh), ("previous", names.Previous) }.Select(each =>
        $"{each.Item1}:{server.Real.Sql("postgres", $"SELECT shobj_description(oid, 'pg_database') FROM pg_database WHERE datname = '{each.Item2}'")}"));

    private async Task<NpgsqlConnection> ConnectAsync(string database, string role)
    {
        var connection = new NpgsqlConnection(new NpgsqlConnectionStringBuilder { Host = "127.0.0.1", Port = server.Real.Port, Database = database, Username = role, Password = PostgresServer.Password, Pooling = false }.ConnectionString);
        await connection.OpenAsync(Test.Token);
        return connection;
    }

    private static async Task<string> ReadAsync(NpgsqlConnection connection, string sql)
    {
        await using var command = new NpgsqlCommand(sql, connection) { CommandTimeout = 0 };
        return (string)(await command.ExecuteScalarAsync(Test.Token))!;
    }

    /// <summary>Connects again and again until it is told to stop; counts which of the two databases it met.</summary>
    private async Task<(int Old, int New)> KeepConnectingAsync(string database, string role, CancellationToken stop)
    {
        int old = 0, @new = 0;
        while (!stop.IsCancellationRequested)
        {
            try
            {
                await using NpgsqlConnection connection = await ConnectAsync(database, role);
                if (await ReadAsync(connection, "SELECT name FROM which") == "old") old++;
                else @new++;
                await ReadAsync(connection, "SELECT pg_sleep(0.02)::text");
            }
            catch (NpgsqlException)
            {
                // It was ended, or came in the moment of the exchange: a service tries again.
            }
        }
        return (old, @new);
    }

    /// <summary>An operator's session: connected when this returns.</summary>
    private Process StartPsql(string database)
    {
        var start = new ProcessStartInfo("setpriv") { RedirectStandardInput = true, RedirectStandardOutput = true, RedirectStandardError = true, WorkingDirectory = "/" };
        string[] wrapping = Environment.UserName == "root" ? ["--reuid", server.Real.SystemUser, "--regid", server.Real.SystemUser, "--init-groups"] : [];
        foreach (string argument in (string[])[.. wrapping, "--pdeathsig", "KILL", "--", Path.Combine(RealPostgres.Programs, "psql"), "-X", "-A", "-t", "-d", server.Real.ConnectionString(database)]) start.ArgumentList.Add(argument);
        Process psql = Process.Start(start)!;
        psql.StandardInput.WriteLine("SELECT 'in';");
        psql.StandardInput.Flush();
        psql.StandardOutput.ReadLine().Should().Be("in");
        psql.StandardInput.WriteLine("SELECT pg_sleep(600);");
        psql.StandardInput.Flush();
        return psql;
    }
}
