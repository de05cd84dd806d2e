using BackupTool.Operations.Reseed.Maubot;
using BackupTool.Services.Maubot;
using Microsoft.Data.Sqlite;

namespace BackupTool.Tests.Operations.Reseed;

public sealed class MaubotReseedTests
{
    [Fact]
    public async Task An_empty_maubot_gets_everything_back_and_runs()
    {
        await using var stage = new ReseedStage();
        MaubotSeed seed = await stage.SeedUsualAsync();
        var told = new List<string>();

        MaubotReseedReport report = await stage.RunAsync(seed, told: told);

        report.IsComplete.Should().BeTrue();
        report.Plugins.Select(plugin => (plugin.Id, plugin.Outcome)).Should().Equal(("xyz.echo", ReseedOutcome.AlreadyThere), ("xyz.remind", ReseedOutcome.Created));
        report.Clients.Select(client => (client.Id, client.Outcome, client.IsStarted)).Should().Equal(("@a:x", ReseedOutcome.Created, true), ("@b:x", ReseedOutcome.Created, false));
        report.Instances.Select(instance => (instance.Id, instance.Outcome, instance.IsStarted)).Should()
            .Equal(("echo", ReseedOutcome.Created, true), ("remind", ReseedOutcome.Created, true), ("resting", ReseedOutcome.Created, false));
        report.Instances[0].HasDatabase.Should().BeTrue();
        stage.Maubot.Requests.Count(request => request == "POST plugins/upload").Should().Be(1, "the other plugin is on its disk");
        stage.Maubot.Requests.Where(request => request.StartsWith('P')).Select(request => request.Split('/')[0]).Should()
            .Equal("POST plugins", "PUT client", "PUT client", "PUT instance", "PUT instance", "PUT instance");
        $"{report} {string.Join(' ', told)} {seed}".Should().NotContain("syt_").And.NotContain("hush");
        report.Lost.Should().HaveCount(4);
    }

    [Fact]
    public async Task What_was_made_survives_a_restart_of_maubot()
    {
        await using var stage = new ReseedStage();
        MaubotSeed seed = await stage.SeedUsualAsync();
        await stage.RunAsync(seed);
        await stage.RestartMaubotAsync();

        MaubotReseedReport report = await stage.RunAsync(seed);

        report.IsComplete.Should().BeTrue();
        report.Clients.Should().OnlyContain(client => client.Outcome == ReseedOutcome.AlreadyThere);
        report.Instances.Should().OnlyContain(instance => instance.Outcome == ReseedOutcome.AlreadyThere);
    }

    [Fact]
    public async Task An_instance_finds_its_orphaned_database_again()
    {
        await using var stage = new ReseedStage();
        MaubotSeed seed = await stage.SeedUsualAsync();
        string path = Path.Combine(stage.Live, "plugins", "echo.db");
        Execute(path, "CREATE TABLE memory (fact TEXT); INSERT INTO memory VALUES ('kept')");

        await stage.RunAsync(seed);

        Execute(path, "SELECT (SELECT fact FROM memory) || count(*) FROM start").Should().Be("kept1");
    }

    [Fact]
    public async Task A_second_run_finds_everything_there_and_changes_nothing()
    {
        await using var stage = new ReseedStage();
        MaubotSeed seed = await stage.SeedUsualAsync();
        await stage.RunAsync(seed);
        string before = await stage.DescribeAsync();
        int asked = stage.Maubot.Requests.Count;

        MaubotReseedReport report = await stage.RunAsync(seed);

        report.IsComplete.Should().BeTrue();
        stage.Maubot.Requests.Skip(asked).Should().OnlyContain(request => request.StartsWith("GET ", StringComparison.Ordinal));
        (await stage.DescribeAsync()).Should().Be(before);
    }

    [Fact]
    public async Task A_run_that_was_killed_at_any_request_is_finished_by_the_next()
    {
        string whole;
        int requests;
        await using (var stage = new ReseedStage())
        {
            await stage.RunAsync(await stage.SeedUsualAsync());
            whole = Neutral(await stage.DescribeAsync(), stage);
            requests = stage.Maubot.Requests.Count;
        }
        requests.Should().BeGreaterThan(8);
        for (int at = 1; at <= 12; at++)
        {
            await using var stage = new ReseedStage();
            MaubotSeed seed = await stage.SeedUsualAsync();
            using var kill = new CancellationTokenSource();
            int seen = 0;
            // The request is on its way when we die: maubot may still fulfil it.
            stage.Maubot.Interfere = _ => { if (Interlocked.Increment(ref seen) == at) kill.Cancel(); return null; };
            await FluentActions.Awaiting(() => stage.RunAsync(seed, kill: kill)).Should().ThrowAsync<OperationCanceledException>($"it died at request {at}");
            stage.Maubot.Interfere = null;
            if (at % 3 == 0) await stage.RestartMaubotAsync();

            MaubotReseedReport report = await stage.RunAsync(seed);

            report.IsComplete.Should().BeTrue($"it died at request {at}");
            Neutral(await stage.DescribeAsync(), stage).Should().Be(whole, $"it died at request {at}");
        }
    }

    [Fact]
    public async Task What_was_changed_or_disabled_since_is_set_right_and_started()
    {
        await using var stage = new ReseedStage();
        MaubotSeed seed = await stage.SeedUsualAsync();
        await stage.RunAsync(seed);
        // As maubot does when the homeserver was away for long, and when a plugin was missing.
        stage.Maubot.Store.Execute("UPDATE client SET enabled = 0, autojoin = 0 WHERE id = '@a:x'; UPDATE instance SET enabled = 0, config = 'other' WHERE id = 'echo'; UPDATE instance SET enabled = 1 WHERE id = 'resting'");
        await stage.RestartMaubotAsync();

        MaubotReseedReport report = await stage.RunAsync(seed);

        report.IsComplete.Should().BeTrue();
        report.Clients.Select(client => (client.Outcome, client.IsStarted)).Should().Equal((ReseedOutcome.Updated, true), (ReseedOutcome.AlreadyThere, false));
        report.Instances.Select(instance => (instance.Outcome, instance.IsStarted)).Should().Equal((ReseedOutcome.Updated, true), (ReseedOutcome.AlreadyThere, true), (ReseedOutcome.Updated, false));
        stage.Maubot.Store.Query("SELECT config FROM instance WHERE id = 'echo'")[0]["config"].Should().Be("greeting: hush");
    }

    [Fact]
    public async Task A_client_with_a_dead_token_fails_with_the_reason_and_the_rest_is_made()
    {
        await using var stage = new ReseedStage();
        stage.AddPlugin("xyz.echo", "1.0");
        stage.AddClient("@a:x", "syt_dead_token", "DEVA", known: false);
        stage.AddClient("@b:x", "syt_token_of_b", "DEVB");
        stage.AddInstance("one", "xyz.echo", "@a:x");
        stage.AddInstance("two", "xyz.echo", "@b:x");

        MaubotReseedReport report = await stage.RunAsync(stage.ReadSeed());

        report.IsComplete.Should().BeFalse();
        report.Clients[0].Reason.Should().Contain("Invalid access token").And.NotContain("syt_");
        report.Instances[0].Reason.Should().Contain("primary_user_not_found").And.Contain("@a:x failed, too");
        report.Clients[1].IsStarted.Should().BeTrue();
        report.Instances[1].IsStarted.Should().BeTrue();
    }

    [Fact]
    public async Task A_token_of_another_device_is_refused()
    {
        await using var stage = new ReseedStage();
        stage.AddClient("@a:x", "syt_token_of_a", "DEVA");
        stage.Homeserver!.AddToken("syt_token_of_a", "@a:x", "ANOTHER");
        (await stage.RunAsync(stage.ReadSeed())).Clients.Should().ContainSingle().Which.Reason.Should().Contain("device ID");
    }

    [Fact]
    public async Task Nothing_is_made_without_a_homeserver_and_the_report_says_so()
    {
        await using var stage = new ReseedStage(startsHomeserver: false);
        stage.AddClient("@a:x", "syt_token_of_a", "DEVA");
        ReseededClient client = (await stage.RunAsync(stage.ReadSeed())).Clients.Should().ContainSingle().Which;
        (client.Outcome, client.IsStarted).Should().Be((ReseedOutcome.Failed, false));
        client.Reason.Should().Contain("Could not connect to homeserver");
    }

    [Fact]
    public async Task An_instance_whose_plugin_fails_is_reported_as_not_started()
    {
        await using var stage = new ReseedStage();
        stage.AddPlugin("xyz.broken", "1.0", mainClass: "Broken");
        stage.AddClient("@a:x", "syt_token_of_a", "DEVA");
        stage.AddInstance("bad", "xyz.broken", "@a:x");

        MaubotReseedReport report = await stage.RunAsync(stage.ReadSeed());

        report.IsComplete.Should().BeFalse("a 201 does not mean that it started");
        ReseededInstance bad = report.Instances.Should().ContainSingle().Which;
        (bad.Outcome, bad.IsStarted).Should().Be((ReseedOutcome.Created, false));
        bad.Reason.Should().Contain("maubot has disabled it");
    }

    [Fact]
    public async Task Waiting_for_a_client_ends_with_the_timeout()
    {
        await using var stage = new ReseedStage();
        stage.AddClient("@a:x", "syt_token_of_a", "DEVA");
        stage.Maubot.Interfere = request => request == "GET clients" && stage.Maubot.Requests.Contains("PUT client/@a:x")
            ? (200, """[{"id": "@a:x", "enabled": true, "started": false}]""") : null;
        MaubotReseedReport report = await stage.RunAsync(stage.ReadSeed(), timeout: TimeSpan.FromMilliseconds(300));
        report.Clients[0].Reason.Should().Contain("did not start within 0.3 s");
        report.IsComplete.Should().BeFalse();
    }

    [Fact]
    public async Task A_maubot_that_goes_away_ends_the_run_with_an_explanation()
    {
        await using var stage = new ReseedStage();
        MaubotSeed seed = await stage.SeedUsualAsync();
        stage.Maubot.Interfere = request => request.StartsWith("PUT", StringComparison.Ordinal) ? (401, """{"error": "Invalid authorization token", "errcode": "auth_token_invalid"}""") : null;
        (await FluentActions.Awaiting(() => stage.RunAsync(seed)).Should().ThrowAsync<MaubotApiException>()).Which.Failure.Should().Be(MaubotFailure.Unauthorized);
    }

    /// <summary>Ports differ from stage to stage.</summary>
    private static string Neutral(string described, ReseedStage stage) => described.Replace(stage.Url, "URL", StringComparison.Ordinal);

    private static string Execute(string path, string sql)
    {
        using var connection = new SqliteConnection($"Data Source={path};Pooling=False");
        connection.Open();
        using SqliteCommand command = connection.CreateCommand();
        command.CommandText = sql;
        return command.ExecuteScalar() as string ?? "";
    }
}
