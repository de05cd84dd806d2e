using System.Diagnostics;
using BackupTool.Services.Sources;
using BackupTool.Services.Sources.Postgres;
using BackupTool.Tests.TestSupport;

namespace BackupTool.Tests.Services.Sources.Postgres;

/// <summary>A dump that is not whole must never look like one: the read that meets its end throws.</summary>
[Collection("pg_dump")]   // some count the programs that this process runs
public sealed class DumpFailureTests(PostgresServer server) : IClassFixture<PostgresServer>
{
    // More than the pipe and the server's buffers hold, so that pg_dump is still at work when it is hurt.
    private const int Rows = 20_000, BodyBytes = 2_000;

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task A_killed_pg_dump_throws_and_never_ends(bool readsAsynchronously)
    {
        await using PostgresSource source = await OpenAsync(server, server.NewDatabase(Rows, BodyBytes));
        await using PinnedPostgres pinned = await source.PinAsync(Test.Token);
        await using Stream dump = pinned.OpenDump(Test.Token);
        await dump.ReadExactlyAsync(new byte[100_000], Test.Token);

        Process.GetProcessById(PostgresServer.ChildrenOf(Environment.ProcessId, "pg_dump").Should().ContainSingle().Subject).Kill();

        Func<Task> read = readsAsynchronously ? () => dump.CopyToAsync(Stream.Null, Test.Token) : () => Task.Run(() => dump.CopyTo(Stream.Null));
        (await read.Should().ThrowAsync<SourceException>()).WithMessage("pg_dump of * was ended by signal 9*");
        await read.Should().ThrowAsync<SourceException>("a failure is for good");
    }

    [Fact]
    public async Task A_server_that_stops_half_way_throws()
    {
        using var own = new PostgresServer();
        await using PostgresSource source = await OpenAsync(own, own.NewDatabase(Rows, BodyBytes));
        await using PinnedPostgres pinned = await source.PinAsync(Test.Token);
        await using Stream dump = pinned.OpenDump(Test.Token);
        await dump.ReadExactlyAsync(new byte[100_000], Test.Token);

        own.Real.Stop();

        Func<Task> read = () => dump.CopyToAsync(Stream.Null, Test.Token);
        (await read.Should().ThrowAsync<SourceException>()).WithMessage("pg_dump of * ended with 1: *");
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task A_lost_pin_throws_although_pg_dump_succeeds(bool isLostBeforeTheDump)
    {
        string database = server.NewDatabase(Rows, BodyBytes);
        await using PostgresSource source = await OpenAsync(server, database);
        await using PinnedPostgres pinned = await source.PinAsync(Test.Token);
        if (isLostBeforeTheDump) EndThePin(database);
        await using Stream dump = pinned.OpenDump(Test.Token);
        if (!isLostBeforeTheDump)
        {
            await dump.ReadExactlyAsync(new byte[100_000], Test.Token);
            EndThePin(database);
        }

        Func<Task> read = () => dump.CopyToAsync(Stream.Null, Test.Token);
        (await read.Should().ThrowAsync<SourceException>()).WithMessage(isLostBeforeTheDump ? "pg_dump of * ended with 1*" : "the pinned moment of * is lost: *");
    }

    [Fact]
    public async Task Disposing_early_ends_pg_dump_and_nothing_else()
    {
        string database = server.NewDatabase(Rows, BodyBytes);
        await using PostgresSource source = await OpenAsync(server, database);
        await using PinnedPostgres pinned = await source.PinAsync(Test.Token);
        await using Stream other = pinned.OpenDump(Test.Token);
        await using (Stream dump = pinned.OpenDump(Test.Token)) await dump.ReadExactlyAsync(new byte[100_000], Test.Token);

        PostgresServer.ChildrenOf(Environment.ProcessId, "pg_dump").Should().ContainSingle();
        (await PostgresServer.ReadAllAsync(other)).Length.Should().BeGreaterThan(Rows * BodyBytes);
        await PostgresServer.WaitUntilAsync(() => Sessions(database) == "1", "the server's end of it to go");
    }

    [Fact]
    public async Task Cancelling_ends_pg_dump_and_is_no_end_of_the_stream()
    {
        await using PostgresSource source = await OpenAsync(server, server.NewDatabase(Rows, BodyBytes));
        await using PinnedPostgres pinned = await source.PinAsync(Test.Token);
        using var cancel = new CancellationTokenSource();
        await using Stream dump = pinned.OpenDump(cancel.Token);
        await dump.ReadExactlyAsync(new byte[100_000], Test.Token);

        await cancel.CancelAsync();

        Func<Task> read = () => dump.CopyToAsync(Stream.Null, Test.Token);
        await read.Should().ThrowAsync<OperationCanceledException>();
        await PostgresServer.WaitUntilAsync(() => PostgresServer.ChildrenOf(Environment.ProcessId, "pg_dump").Length == 0, "pg_dump to end");
    }

    [Fact]
    public async Task A_reader_that_stops_makes_pg_dump_wait_instead_of_filling_memory()
    {
        await using PostgresSource source = await OpenAsync(server, server.NewDatabase(Rows, BodyBytes));
        await using PinnedPostgres pinned = await source.PinAsync(Test.Token);
        await using Stream dump = pinned.OpenDump(Test.Token);
        await dump.ReadExactlyAsync(new byte[100_000], Test.Token);
        string io = $"/proc/{PostgresServer.ChildrenOf(Environment.ProcessId, "pg_dump").Single()}/io";

        await Task.Delay(500, Test.Token);

        long written = long.Parse(File.ReadLines(io).First(line => line.StartsWith("wchar: ", StringComparison.Ordinal))["wchar: ".Length..], System.Globalization.CultureInfo.InvariantCulture);
        written.Should().BeLessThan(2 << 20);
    }

    [Fact]
    public async Task Kill_9_of_our_process_ends_pg_dump_and_its_session()
    {
        string database = server.NewDatabase(Rows, BodyBytes);
        using Process job = PostgresJobs.StartDumpThatNobodyReads(server.Peer(database));
        (await job.StandardOutput.ReadLineAsync(Test.Token)).Should().Be("pinned");
        // A pg_dump that waits for a table writes nothing, so no broken pipe would end it.
        Task locking = Task.Run(() => server.Real.Sql(database, "BEGIN; LOCK TABLE events; SELECT pg_sleep(600)"), Test.Token);
        await PostgresServer.WaitUntilAsync(() => Sessions(database, "query LIKE '%pg_sleep%'") == "1", "the table to be locked");
        await job.StandardInput.WriteLineAsync();
        (await job.StandardOutput.ReadLineAsync(Test.Token)).Should().Be("dumping");
        await PostgresServer.WaitUntilAsync(() => Sessions(database, "wait_event_type = 'Lock'") == "1", "pg_dump to wait for the table");
        int dump = PostgresServer.ChildrenOf(job.Id, "pg_dump").Should().ContainSingle().Subject;

        job.Kill();

        await PostgresServer.WaitUntilAsync(() => !Directory.Exists($"/proc/{dump}"), "pg_dump to end");
        server.Real.Sql("postgres", $"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{database}' AND query LIKE '%pg_sleep%'");
        await ((Func<Task>)(() => locking)).Should().ThrowAsync<InvalidOperationException>();
        await PostgresServer.WaitUntilAsync(() => Sessions(database) == "0", "its sessions to end");
    }

    [Fact]
    public async Task A_program_that_outlives_the_pool_thread_that_asked_for_it_is_not_ended_with_it()
    {
        await using PostgresSource source = await OpenAsync(server, server.NewDatabase(Rows, BodyBytes));
        await using PinnedPostgres pinned = await source.PinAsync(Test.Token);
        Stream? dump = null;
        var asking = new Thread(() => dump = pinned.OpenDump(Test.Token));
        asking.Start();
        asking.Join();
        await Task.Delay(200, Test.Token);

        (await PostgresServer.ReadAllAsync(dump!)).Length.Should().BeGreaterThan(Rows * BodyBytes);
    }

    [Theory]
    [InlineData("exit 0", "wrote nothing")]
    [InlineData("printf PGDMPxxx; echo 'pg_dump: error: half of it is missing' >&2; exit 0", "half of it is missing")]
    [InlineData("printf PGDMPxxx; exit 3", "ended with 3")]
    public async Task What_a_program_says_about_itself_is_not_believed_alone(string script, string expected)
    {
        string directory = Path.Combine(server.Real.SocketDirectory, $"bin{Guid.NewGuid():N}");
        Directory.CreateDirectory(directory);
        string real = Path.Combine(RealPostgres.Programs, "pg_dump");
        // The rehearsal is the real one's: what is wrong comes with the dump.
        WriteProgram(Path.Combine(directory, "pg_dump"), $"""case "$*" in *--snapshot*) {script};; *) exec {real} "$@";; esac""");
        PostgresOptions options = PostgresServer.Options with { ProgramDirectories = [directory, RealPostgres.Programs] };
        await using PostgresSource source = await PostgresSource.OpenAsync(server.Peer(server.NewDatabase(1)), options, Test.Token);
        await using PinnedPostgres pinned = await source.PinAsync(Test.Token);

        Func<Task> dump = () => PostgresServer.ReadAllAsync(pinned.OpenDump(Test.Token));
        (await dump.Should().ThrowAsync<SourceException>()).WithMessage($"*{expected}*");
    }

    internal static void WriteProgram(string path, string script)
    {
        File.WriteAllText(path, "#!/bin/sh\n" + script + "\n");
        File.SetUnixFileMode(path, (UnixFileMode)0x1ed);
        File.SetUnixFileMode(Path.GetDirectoryName(path)!, (UnixFileMode)0x1ed);
    }

    private static Task<PostgresSource> OpenAsync(PostgresServer on, string database) => PostgresSource.OpenAsync(on.Peer(database), PostgresServer.Options, Test.Token);

    private void EndThePin(string database) =>
        server.Real.Sql("postgres", $"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{database}' AND state = 'idle in transaction'").Should().Be("t");

    private string Sessions(string database, string and = "true") =>
        server.Real.Sql("postgres", $"SELECT count(*) FROM pg_stat_activity WHERE datname = '{database}' AND {and}");
}
